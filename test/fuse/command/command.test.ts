import { open, readdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { runToEnd, whyNoMount } from '../kernel/mounted.ts'
import { mountsAt, place, until } from './place.ts'

t.test('a command line that makes no sense ends with 1 and says why', async t => {
  const { directory, mount } = await place(t)
  t.match(await mount(), { status: 1, errors: /missing required argument/ })
  t.match(await mount('no-port', directory), { status: 1, errors: /HOST:PORT/ })
  t.match(await mount('h:1', directory, '-o', 'ro,colour=green'), { status: 1, errors: /unknown mount option 'colour'/ })
  t.match(await mount('h:1', directory, '--wrong'), { status: 1, errors: /unknown option/ })
  t.match(await mount('--version'), { status: 0, output: '1.2.3\n' })
  t.match(await mount('--help'), { status: 0, output: /Mount options:/ })
})

const skip = whyNoMount()
if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  t.test('in the background it returns when the mount answers, and SIGTERM unmounts', async t => {
    const { directory, mount, note, pid } = await place(t)
    t.match(await mount('h:1,g:2', directory, '-o', 'rw,noatime,_netdev,nodev'), { status: 0, output: '', errors: '' })
    t.strictSame(await mountsAt(directory), ['fuse.dfs h:1,g:2'], 'tools find the masters in the mount table')
    await writeFile(path.join(directory, 'file'), 'x')
    process.kill(await pid(), 'SIGTERM')
    await until(async () => (await note()).startsWith('closed'))
    t.equal(await note(), 'closed with 0 files open')
    t.strictSame(await mountsAt(directory), [])
  })

  t.test('umount ends it as well', async t => {
    const { directory, mount, note } = await place(t)
    t.match(await mount('h:1', directory), { status: 0 })
    t.match(await runToEnd('umount', [directory]), { status: 0 })
    await until(async () => (await note()).startsWith('closed'))
    t.pass('the server has ended')
  })

  t.test('SIGTERM unmounts although files are open, and what was written is kept', async t => {
    const { directory, mount, note, pid } = await place(t)
    t.match(await mount('h:1', directory), { status: 0 })
    const file = await open(path.join(directory, 'file'), 'w')
    await file.write('x')
    process.kill(await pid(), 'SIGTERM')
    await until(async () => (await note()).startsWith('closed'))
    t.equal(await note(), 'closed with 0 files open', 'all were closed on behalf of their users')
    t.strictSame(await mountsAt(directory), [])
    await t.rejects(file.write('y'), 'the user hears of it')
    await file.close().catch(() => undefined)
  })

  t.test('a directory of the file system can be mounted by itself', async t => {
    const { directory, mount } = await place(t)
    t.match(await mount('h:1:/sub/', directory), { status: 0 })
    t.strictSame(await mountsAt(directory), ['fuse.dfs h:1:/sub'])
    t.strictSame(await readdir(directory), [])
    await writeFile(path.join(directory, 'file'), 'x')
    t.strictSame((await runToEnd('ls', ['-a', directory])).output.split('\n'), ['.', '..', 'file', ''])
    t.ok((await stat(directory)).isDirectory())
  })

  t.test('read-only means that', async t => {
    const { directory, mount } = await place(t)
    t.match(await mount('h:1', directory, '-o', 'ro'), { status: 0 })
    await t.rejects(writeFile(path.join(directory, 'file'), 'x'), { code: 'EROFS' })
  })
}
