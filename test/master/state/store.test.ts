import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { idIn, idKey, nameIn, nameKey, Table } from '../../../src/master/state/keys.ts'
import { Store } from '../../../src/master/state/store.ts'
import { SeededRandom } from '../../simulation/random.ts'

function opened(t: Tap): { store: Store, again: () => Promise<Store> } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dfs-store-'))
  const file = path.join(folder, 'state.mdb')
  let store = new Store(file)
  t.teardown(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    store,
    again: async () => {
      await store.close()
      store = new Store(file)
      return store
    },
  }
}
type Tap = Pick<typeof t, 'teardown'>

const all = { start: idKey(Table.entry, 0), end: idKey(Table.entry, 1_000) }
const value = (text: string): Buffer => Buffer.from(text)
const textOf = ({ key, value }: { key: Uint8Array, value: Buffer }): string => `${idIn(key)}/${nameIn(key)}=${value.toString()}`

t.test('whatever is put and removed, each reader finds it, flushed or not', async t => {
  const { store, again } = opened(t)
  const random = new SeededRandom(7)
  const model = new Map<string, string>()
  const [names, parents] = [['a', 'ab', 'b', '\x01', 'é', 'zz'], [1, 2, 255, 256]]
  const expected = (from: (key: string) => boolean): string[] => [...model.keys()].filter(from).sort().map(key => {
    const bytes = Buffer.from(key, 'latin1')
    return `${idIn(bytes)}/${nameIn(bytes)}=${String(model.get(key))}`
  })
  let [flushes, fresh] = [0, 0]
  for (let step = 0; step < 1_000; step++) {
    const key = nameKey(Table.entry, parents[random.below(4)] ?? 0, names[random.below(6)] ?? '')
    const text = key.toString('latin1')
    if (random.below(3) > 0) {
      store.put(key, value(String(step)))
      model.set(text, String(step))
    } else {
      store.remove(key)
      model.delete(text)
    }
    if (random.below(20) === 0) { store.flush(); flushes++ }
    fresh = Math.max(fresh, store.freshCount)
    // 1. One key.
    const one = nameKey(Table.entry, parents[random.below(4)] ?? 0, names[random.below(6)] ?? '')
    const known = model.get(one.toString('latin1'))
    if (store.get(one)?.toString() !== known || store.peek(one)?.toString('latin1', 0, known?.length) !== known) {
      t.fail(`step ${step}: ${textOf({ key: one, value: value('') })} should be ${String(known)}`)
    }
    // 2. A range.
    const [after, limit] = [random.below(2) === 0, 1 + random.below(30)]
    const begin = one.toString('latin1')
    const wanted = expected(each => after ? each > begin : each >= begin)
    const found = Array.from(store.entries({ ...all, start: one, after, limit }), textOf)
    t.strictSame(found, wanted.slice(0, limit), `step ${step}: behind ${begin}`)
    t.equal(Array.from(store.keys({ ...all, start: one, after })).length, wanted.length)
    t.equal(store.count(all), model.size)
  }
  t.ok(flushes > 20 && fresh > 10, 'there was something to merge')
  store.flush()
  t.equal(store.freshCount, 0)
  t.strictSame(Array.from((await again()).entries(all), textOf), expected(() => true), 'and it is all in the file')
})

t.test('what was not flushed is not in the file', async t => {
  const { store, again } = opened(t)
  store.put(idKey(Table.inode, 1), value('kept'))
  store.flush()
  store.put(idKey(Table.inode, 1), value('fresh'))
  store.put(idKey(Table.inode, 2), value('fresh'))
  const reopened = await again()
  t.equal(reopened.get(idKey(Table.inode, 1))?.toString(), 'kept')
  t.equal(reopened.get(idKey(Table.inode, 2)), undefined)
})
