import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { takeFolder } from '../../src/seams/exclusive.ts'

const module = new URL('../../src/seams/exclusive.ts', import.meta.url).href

t.test('a folder belongs to one process at a time, for each purpose', async t => {
  const root = await mkdtemp(path.join(os.tmpdir(), 'dfs-exclusive-'))
  t.teardown(() => rm(root, { recursive: true }))
  const first = await takeFolder(path.join(root, 'new/folder'), 'test')
  await t.rejects(takeFolder(path.join(root, 'new/folder'), 'test'), { code: 'EBUSY' })
  const other = await takeFolder(path.join(root, 'new/folder'), 'other')
  await other.release()
  await first.release()
  await (await takeFolder(path.join(root, 'new/folder'), 'test')).release()
})

t.test('a killed process leaves the folder free', async t => {
  const root = await mkdtemp(path.join(os.tmpdir(), 'dfs-exclusive-'))
  t.teardown(() => rm(root, { recursive: true }))
  const program = `const { takeFolder } = await import(${JSON.stringify(module)})
    await takeFolder(${JSON.stringify(root)}, 'test')
    console.log('taken')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await t.rejects(takeFolder(root, 'test'), { code: 'EBUSY' })
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  t.same(await exited, [null, 'SIGKILL'])
  await (await takeFolder(root, 'test')).release()
})

t.test('a folder that cannot be made is refused with a reason', async t => {
  await t.rejects(takeFolder('/proc/nowhere', 'test'), { name: 'DiskError', message: /\/proc\/nowhere/ })
})
