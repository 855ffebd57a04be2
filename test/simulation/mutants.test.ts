import { readFileSync } from 'node:fs'
import t from 'tap'
import { mutants, mutate } from './mutants.ts'

t.test('every mutation still fits the product', async t => {
  t.ok(mutants.length >= 10)
  for (const mutant of mutants) {
    const contents = readFileSync(new URL(`../../${mutant.file}`, import.meta.url), 'utf8')
    t.not(mutate(mutant, contents), contents, mutant.name)
  }
})

t.test('a mutation that no longer fits says so', async t => {
  t.throws(() => mutate({ name: 'one', file: 'a.ts', text: 'one', instead: 'y' }, 'no such text'), /0 times in a\.ts/)
  t.throws(() => mutate({ name: 'one', file: 'a.ts', text: 'one', instead: 'y' }, 'one and one'), /2 times in a\.ts/)
})
