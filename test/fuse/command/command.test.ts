import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { mountTable } from '../../../src/fuse/kernel/mount-table.ts'
import { runToEnd, whyNoMount, type Ended } from '../kernel/mounted.ts'

const script = path.join(import.meta.dirname, 'memory-mount.ts')

interface Place {
  directory: string
  mount: (...args: string[]) => Promise<Ended>
  /** What the process in the background wrote last: its number, or how it ended. */
  note: () => Promise<string>
  pid: () => Promise<number>
}

async function place(t: Test): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dfs-mount-'))
  const directory = path.join(folder, 'm p')
  const notes = path.join(folder, 'notes')
  await mkdir(directory)
  const note = (): Promise<string> => readFile(notes, 'utf8').then(text => text.trim(), () => '')
  t.teardown(async () => {
    const pid = Number(await note())
    if (pid > 0) try { process.kill(pid, 'SIGKILL') } catch { /* it has ended */ }
    await runToEnd('umount', ['-i', '-l', directory])
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  return {
    directory, note,
    mount: (...args) => runToEnd(process.execPath, [script, ...args], { env: { DFS_TEST_NOTES: notes, UV_THREADPOOL_SIZE: '16' } }),
    pid: async () => Number(await note()),
  }
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!await check()) await sleep(10)
}

const mountsAt = async (directory: string): Promise<string[]> => (await mountTable())
  .filter(({ mountPoint }) => mountPoint === directory).map(({ fileSystem, source }) => `${fileSystem} ${source}`)

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

  t.test('what cannot be mounted ends with 32 and says why', async t => {
    const { directory, mount } = await place(t)
    await writeFile(`${directory}-file`, '')
    t.match(await mount('nobody:1', directory), { status: 32, errors: /^dfs-mount: no master answers at nobody:1/ })
    t.match(await mount('h:1', `${directory}-missing`), { status: 32, errors: /no such directory/ })
    t.match(await mount('h:1', `${directory}-file`), { status: 32, errors: /is not a directory/ })
    t.match(await mount('h:1:/missing', directory), { status: 32, errors: /there is no directory \/missing/ })
    t.strictSame(await mountsAt(directory), [], 'and nothing stays behind')
    t.match(await mount('h:1', directory), { status: 0 })
    t.match(await mount('h:1', directory), { status: 32, errors: /busy: h:1 is mounted there already/ })
    t.match(await mount('h:1', directory, '--foreground'), { status: 32, errors: /busy/ })
    t.strictSame(await mountsAt(directory), ['fuse.dfs h:1'], 'the mount that was there stays')
  })

  t.test('a killed server leaves an error to its users, and its mount point to the next', async t => {
    const { directory, mount, pid } = await place(t)
    t.match(await mount('h:1', directory), { status: 0 })
    process.kill(await pid(), 'SIGKILL')
    await until(() => stat(directory).then(() => false, () => true))
    await t.rejects(stat(directory), { code: 'ENOTCONN' })
    t.match(await mount('g:2', directory), { status: 0 })
    t.strictSame(await mountsAt(directory), ['fuse.dfs g:2'])
  })

  t.test('mount(8) can call it as a helper', async t => {
    const { directory, mount } = await place(t)
    t.match(await mount('h:1', directory, '-f', '-n', '-o', 'rw'), { status: 0 })
    t.strictSame(await mountsAt(directory), [], 'a fake mount mounts nothing')
    t.match(await mount('h:1', directory, '-n', '-s', '-v', '-o', 'rw,nosuid,user,x-systemd.automount'), { status: 0 })
    t.strictSame(await mountsAt(directory), ['fuse.dfs h:1'])
  })

  t.test('a mount point may be named relatively, and through a symbolic link', async t => {
    const { directory, mount } = await place(t)
    await symlink(directory, `${directory}-link`)
    t.match(await mount('h:1', path.relative(process.cwd(), `${directory}-link`)), { status: 0 })
    t.strictSame(await mountsAt(directory), ['fuse.dfs h:1'])
  })
}
