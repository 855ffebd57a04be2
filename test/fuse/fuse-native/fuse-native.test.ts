import {
  link, mkdir, open, readdir, readFile, readlink, rename, rmdir, stat, symlink, truncate, unlink, utimes, writeFile,
} from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import t from 'tap'
import { mountsAt, place, until } from '../command/place.ts'
import { runToEnd, whyNoMount } from '../kernel/mounted.ts'

const helper = await runToEnd('sh', ['-c', 'command -v fusermount3'])
const skip = whyNoMount() ?? (helper.status === 0 ? undefined : 'NOT TESTED: there is no fusermount3 (Debian: fuse3)')

if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  t.test('the driver for users without root does everyday work', async t => {
    const { directory, mount, note, pid } = await place(t)
    const at = (name: string): string => path.join(directory, name)
    t.match(await mount('h:1', directory, '-o', 'driver=fuse-native'), { status: 0, errors: '' })
    t.strictSame(await mountsAt(directory), ['fuse.dfs h:1'])

    const data = randomBytes(3_000_001)
    await writeFile(at('file'), data)
    t.ok(data.equals(await readFile(at('file'))), 'bytes come back')
    await mkdir(at('folder'))
    await rename(at('file'), at('folder/renamed'))
    await link(at('folder/renamed'), at('second'))
    t.equal((await stat(at('second'))).nlink, 2)
    await symlink('folder/renamed', at('link'))
    t.equal(await readlink(at('link')), 'folder/renamed')
    await truncate(at('second'), 10)
    await utimes(at('second'), 1, 2)
    t.match(await stat(at('second')), { size: 10, mtimeMs: 2000, uid: 0 })
    t.strictSame((await readdir(directory)).sort(), ['folder', 'link', 'second', 'sub'])
    const handle = await open(at('second'), 'r+')
    await handle.write('abc')
    await handle.sync()
    await handle.close()
    t.equal((await readFile(at('folder/renamed'))).toString('latin1', 0, 3), 'abc')
    await t.rejects(rmdir(at('folder')), { code: 'ENOTEMPTY' })
    await t.rejects(readFile(at('missing')), { code: 'ENOENT' })
    await unlink(at('folder/renamed'))
    await rmdir(at('folder'))

    process.kill(await pid(), 'SIGTERM')
    await until(async () => (await note()).startsWith('closed'))
    t.equal(await note(), 'closed with 0 files open')
    t.strictSame(await mountsAt(directory), [])
  })

  t.test('read-only means that here too', async t => {
    const { directory, mount } = await place(t)
    t.match(await mount('h:1', directory, '-o', 'driver=fuse-native,ro'), { status: 0, errors: '' })
    await t.rejects(writeFile(path.join(directory, 'file'), 'x'), { code: 'EROFS' })
    await t.rejects(mkdir(path.join(directory, 'folder')), { code: 'EROFS' })
  })
}
