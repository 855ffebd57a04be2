import { stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { whyNoMount } from '../kernel/mounted.ts'
import { mountsAt, place, until } from './place.ts'

const skip = whyNoMount()
if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  t.test('what cannot be mounted ends with 32 and says why', async t => {
    const { directory, mount } = await place(t)
    await writeFile(`${directory}-file`, '')
    t.match(await mount('nobody:1', directory, '--foreground'), { status: 32, errors: /^dfs-mount: cannot mount nobody:1: no master answers/ })
    t.match(await mount('h:1', `${directory}-missing`), { status: 32, errors: /no such directory/ })
    t.match(await mount('h:1', `${directory}-file`, '--foreground'), { status: 32, errors: /is not a directory/ })
    t.match(await mount('h:1:/missing', directory, '--foreground'), { status: 32, errors: /there is no directory \/missing/ })
    t.strictSame(await mountsAt(directory), [], 'and nothing stays behind')
    t.match(await mount('h:1', directory), { status: 0 })
    t.match(await mount('h:1', directory), { status: 32, errors: /busy: h:1 is mounted there already/ })
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
