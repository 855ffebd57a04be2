import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { Caller } from '../../src/protocol/attributes.ts'
import { alone, clusterFor, type Ran } from './simulated.ts'

const alice: Caller = { uid: 1000, gid: 1000, groups: [] }
const bob: Caller = { uid: 1001, gid: 1001, groups: [] }

interface Here {
  dfs: Awaited<ReturnType<typeof clusterFor>>
  /** Makes a file with these contents. */
  put: (at: string, contents: string, caller?: Caller) => Promise<Ran>
  /** What is in the trash. */
  listed: (args?: string[], caller?: Caller) => Promise<{ id: number, path: string, deletedBy: number, uid: number }[]>
}

/** A cluster with a trash, and a directory that everybody may use. */
async function here(t: Test): Promise<Here> {
  const dfs = await clusterFor(t, { trashMs: 3_600_000 })
  const local = mkdtempSync(path.join(os.tmpdir(), 'dfs-cli-'))
  t.teardown(() => { rmSync(local, { recursive: true, force: true }) })
  await dfs(['mkdir', '/all'], { umask: 0 })
  return {
    dfs,
    put: (at, contents, caller) => {
      writeFileSync(`${local}/file`, contents)
      return dfs(['put', `${local}/file`, at], caller === undefined ? {} : { caller })
    },
    listed: async (args = [], caller) => {
      const { stdout } = await dfs(['trash', 'ls', '--json', ...args], caller === undefined ? {} : { caller })
      return JSON.parse(stdout) as Awaited<ReturnType<Here['listed']>>
    },
  }
}

t.test('removed files are listed and brought back: the latest of a path, or the one with an id, there or elsewhere', async t => {
  const { dfs, put, listed } = await here(t)
  for (const contents of ['one', 'two', 'three']) {
    await put('/all/file', contents)
    t.match(await dfs(['rm', '/all/file']), { code: 0 })
  }
  t.match(await dfs(['trash', 'ls']), { code: 0, stdout: /^ *id +size .*path\n( *\d+ +\d B .* \/all\/file\n){3}$/ })
  t.match(await dfs(['status']), { stdout: /trash +3 files, 11 B; removed files are kept for 1 h/ })
  const [latest, , first] = await listed(['/all/file'])
  t.ok(latest !== undefined && first !== undefined)
  t.match(await dfs(['trash', 'restore', '/all/file']), { code: 0, stdout: 'restored /all/file\n' })
  t.match(await dfs(['cat', '/all/file']), { stdout: 'three' })
  t.match(await dfs(['trash', 'restore', '/all/file']), { code: 1, stderr: /File exists/ }, 'nothing is overwritten')
  t.match(await dfs(['trash', 'restore', String(first?.id), '--to', '/new/place/other']), { code: 0 })
  t.match(await dfs(['cat', '/new/place/other']), { stdout: 'one' })
  t.match(await dfs(['trash', 'restore', '/all/file', '--to', '/new']), { code: 0, stdout: 'restored /new/file\n' })
  t.match(await dfs(['cat', '/new/file']), { stdout: 'two' })
  t.strictSame(await listed(), [])
  t.match(await dfs(['trash', 'ls']), { code: 0, stdout: '' })
  t.match(await dfs(['trash', 'restore', '/all/file']), { code: 1, stderr: /no such file in the trash/ })
  t.match(await dfs(['trash', 'restore', String(latest?.id)]), { code: 1, stderr: /no file with this id/ })
})

t.test('a whole tree comes back, each file as it was last', async t => {
  const { dfs, put, listed } = await here(t)
  await dfs(['mkdir', '-p', '/all/tree/sub'])
  await put('/all/tree/sub/file', 'old')
  await dfs(['rm', '/all/tree/sub/file'])
  for (const name of ['sub/file', 'x', '\u00fc']) await put(`/all/tree/${name}`, name)
  await put('/all/tree-too', 'no')
  await dfs(['rm', '-r', '/all/tree', '/all/tree-too'])
  t.match(await dfs(['trash', 'restore', '-r', '/all/tree', '--to', '/elsewhere']), { code: 2 })
  t.match(await dfs(['trash', 'restore', '-r', '/all/tree']), { code: 0, stderr: '' })
  for (const name of ['sub/file', 'x', '\u00fc']) t.match(await dfs(['cat', `/all/tree/${name}`]), { stdout: name })
  t.strictSame((await listed()).map(({ path }) => path), ['/all/tree-too', '/all/tree/sub/file'])
})

t.test('others see, bring back and remove for good only what is theirs', async t => {
  const { dfs, put, listed } = await here(t)
  await put('/all/hers', 'hers', alice)
  await put('/all/roots', 'roots')
  await dfs(['rm', '/all/hers', '/all/roots'], { caller: bob })
  t.match(await listed([], alice), [{ path: '/all/hers', uid: 1000, deletedBy: 1001 }])
  t.strictSame(await listed([], bob), [])
  const [hers] = await listed(['/all/hers'])
  t.match(await dfs(['trash', 'restore', '/all/hers'], { caller: bob }), { code: 1, stderr: /no such file in the trash/ })
  t.match(await dfs(['trash', 'restore', String(hers?.id)], { caller: bob }), { code: 1 })
  t.match(await dfs(['trash', 'restore', '/all/hers', '--to', '/hers'], { caller: alice }), { code: 1, stderr: /Permission denied/ })
  t.match(await dfs(['trash', 'empty'], { caller: bob }), { code: 0, stdout: 'removed 0 files for good\n' })
  t.match(await dfs(['trash', 'restore', '/all/hers'], { caller: alice }), { code: 0 })
  t.match(await dfs(['cat', '/all/hers'], { caller: alice }), { stdout: 'hers' })
  t.match(await listed(), [{ path: '/all/roots' }])
})

t.test('emptying asks where a person sits, and takes what is meant', async t => {
  const { dfs, put, listed } = await here(t)
  await dfs(['mkdir', '/all/dir'])
  for (const name of ['a', 'dir/b', 'dir/c']) await put(`/all/${name}`, name)
  await dfs(['rm', '-r', '/all/a', '/all/dir'])
  const asked: string[] = []
  const answering = (answer: boolean): { confirm: (question: string) => Promise<boolean> } => ({
    confirm: question => {
      asked.push(question)
      return Promise.resolve(answer)
    },
  })
  t.match(await dfs(['trash', 'empty', '/all/dir'], answering(false)), { code: 0, stdout: '' })
  t.equal((await listed()).length, 3)
  t.match(await dfs(['trash', 'empty', '--older-than', '1d'], answering(true)), { stdout: /removed 0 files/ })
  t.match(await dfs(['trash', 'empty', '/all/dir'], answering(true)), { stdout: /removed 2 files/ })
  t.match(asked, [/Remove 2 files, 10 B for good/, /Remove 2 files/], 'nobody is asked about nothing')
  t.match(await dfs(['trash', 'empty', '-y'], answering(false)), { stdout: /removed 1 files/ })
  t.strictSame(await listed(), [])
  t.match(await alone(['trash', 'empty', '--older-than', 'soon', '--master', 'h:1']), { code: 2, stderr: /such as/ })
})
