import { readFileSync } from 'node:fs'
import t from 'tap'
import { hunt, nameOf, Unmutated, type Failure, type Simulate } from './mutant-hunt.ts'
import { edited, mutants, type Mutant } from './mutants.ts'

t.test('every mutation still fits the product', async t => {
  t.ok(mutants.length >= 20)
  t.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length, 'each has a name of its own')
  for (const { name, edits } of mutants) {
    for (const edit of edits) {
      const contents = readFileSync(new URL(`../../${edit.file}`, import.meta.url), 'utf8')
      t.not(edited(edit, contents), contents, name)
    }
  }
})

t.test('a mutation that no longer fits says so', async t => {
  t.throws(() => edited({ file: 'a.ts', text: 'one', instead: 'y' }, 'no such text'), /a\.ts.* 0 times/)
  t.throws(() => edited({ file: 'a.ts', text: 'one', instead: 'y' }, 'one and one'), /a\.ts.* 2 times/)
})

const mutant: Mutant = { name: 'some', faults: ['kill'], edits: [] }

/** Runs in which these seeds fail. */
function failing(bad: readonly number[], asked: number[] = []): Simulate {
  return async (_mode, { first, count }) => {
    asked.push(first)
    const seed = bad.find(each => each >= first && each < first + count)
    return seed === undefined ? undefined : { seed, step: 7, check: `seed ${String(seed)} is bad` } satisfies Failure
  }
}

t.test('a mutant is caught only by a seed that the product as it is passes', async t => {
  const unmutated = new Unmutated(failing([2, 3]))
  t.strictSame(await hunt(mutant, { simulate: failing([2, 3, 5]), unmutated, count: 9 }),
    { caught: { seed: 5, step: 7, check: 'seed 5 is bad' }, skipped: [2, 3] })
  t.strictSame(await hunt(mutant, { simulate: failing([3]), unmutated, count: 9 }), { caught: undefined, skipped: [3] })
  t.strictSame(await hunt(mutant, { simulate: failing([10]), unmutated, count: 9 }), { caught: undefined, skipped: [] })
})

t.test('the product as it is runs a seed of a mode once, however many mutants fail it', async t => {
  const asked: number[] = []
  const unmutated = new Unmutated(failing([], asked))
  for (const faults of [['kill'], ['kill'], ['power']] as const) {
    await hunt({ ...mutant, faults }, { simulate: failing([4]), unmutated, count: 9 })
  }
  t.strictSame(asked, [4, 4], 'once for each of the two modes')
})

t.test('modes are named by their faults', async t => {
  t.equal(nameOf({ faults: ['power', 'kill'], overlapping: true }), 'power+kill, overlapping')
  t.equal(nameOf({ faults: [] }), 'no faults')
})
