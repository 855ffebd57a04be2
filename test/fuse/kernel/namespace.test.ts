import {
  chmod, chown, link, lstat, lutimes, mkdir, opendir, readdir, readFile, readlink, rename, rm, rmdir, stat, symlink, unlink,
  utimes, writeFile,
} from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { mounted, runToEnd, whyNoMount } from './mounted.ts'
import { currentDirectory, systemCall } from './system-calls.ts'

const skip = whyNoMount()
const ENOENT = 2
const EEXIST = 17

if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  const { directories: [root = ''], complaints } = await mounted(t)
  const at = (name: string): string => path.join(root, name)

  await t.test('directories are made and removed, and count their children', async t => {
    const before = (await stat(root)).nlink
    await mkdir(at('d/e/f'), { recursive: true })
    t.equal((await stat(root)).nlink, before + 1)
    t.equal((await stat(at('d'))).nlink, 3)
    await t.rejects(rmdir(at('d')), { code: 'ENOTEMPTY' })
    await t.rejects(mkdir(at('d')), { code: 'EEXIST' })
    await t.rejects(unlink(at('d')), { code: 'EISDIR' }, 'unlink refuses a directory')
    await rm(at('d'), { recursive: true })
    t.equal((await stat(root)).nlink, before)
  })

  await t.test('hard links share one inode', async t => {
    await writeFile(at('one'), 'x')
    await link(at('one'), at('two'))
    const [one, two] = await Promise.all([stat(at('one')), stat(at('two'))])
    t.equal(one.ino, two.ino)
    t.equal(two.nlink, 2)
    await unlink(at('one'))
    t.equal((await stat(at('two'))).nlink, 1)
    t.equal(await readFile(at('two'), 'utf8'), 'x')
  })

  await t.test('symbolic links say what they were told, whatever it is', async t => {
    for (const target of ['two', '/nowhere/at/all', '../ü', 'x'.repeat(4000)]) {
      await symlink(target, at('link'))
      t.equal(await readlink(at('link')), target)
      t.equal((await lstat(at('link'))).size, Buffer.byteLength(target))
      await unlink(at('link'))
    }
  })

  await t.test('rename replaces a file, and an empty directory only', async t => {
    await writeFile(at('from'), 'new')
    await writeFile(at('to'), 'old')
    await rename(at('from'), at('to'))
    t.equal(await readFile(at('to'), 'utf8'), 'new')
    await t.rejects(stat(at('from')), { code: 'ENOENT' })
    await mkdir(at('full/x'), { recursive: true })
    await mkdir(at('empty'))
    await t.rejects(rename(at('empty'), at('full')), { code: 'ENOTEMPTY' })
    await rename(at('full'), at('empty'))
    t.strictSame(await readdir(at('empty')), ['x'])
  })

  await t.test('renameat2 can refuse to replace, and can exchange', async t => {
    await writeFile(at('a'), 'a')
    await writeFile(at('b'), 'b')
    const refused = await systemCall('renameat2', currentDirectory, at('a'), currentDirectory, at('b'), 1)
    t.equal(refused.errno, EEXIST)
    t.equal((await systemCall('renameat2', currentDirectory, at('a'), currentDirectory, at('c'), 1)).errno, 0)
    t.equal((await systemCall('renameat2', currentDirectory, at('c'), currentDirectory, at('b'), 2)).errno, 0)
    t.equal(await readFile(at('b'), 'utf8'), 'a')
    t.equal(await readFile(at('c'), 'utf8'), 'b')
    t.equal((await systemCall('renameat2', currentDirectory, at('c'), currentDirectory, at('none'), 2)).errno, ENOENT)
  })

  await t.test('names are bytes: spaces, newlines, 255 of them, and no UTF-8', async t => {
    await mkdir(at('names'))
    const names = [
      Buffer.from(' a b '), Buffer.from('line\nbreak'), Buffer.alloc(255, 'n'), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('ü€'),
    ]
    for (const name of names) await writeFile(Buffer.concat([Buffer.from(at('names/')), name]), name)
    const found = await readdir(at('names'), { encoding: 'buffer' })
    t.strictSame(found.map(name => name.toString('hex')).sort(), names.map(name => name.toString('hex')).sort())
    for (const name of names) t.ok(name.equals(await readFile(Buffer.concat([Buffer.from(at('names/')), name]))))
    await t.rejects(writeFile(at('n'.repeat(256)), ''), { code: 'ENAMETOOLONG' })
  })

  await t.test('a directory of many entries is listed whole, once each', async t => {
    await mkdir(at('many'))
    const { status } = await runToEnd('sh',
      ['-c', 'i=0; while [ $i -lt 3000 ]; do : > file-$i; i=$((i+1)); done'], { cwd: at('many') })
    t.equal(status, 0)
    const found = await readdir(at('many'))
    t.equal(found.length, 3000)
    t.equal(new Set(found).size, 3000)
    const { output } = await runToEnd('ls', ['-la', at('many')])
    t.equal(output.trim().split('\n').length, 3003, 'with "." and ".." and a first line of ls')
    t.match(await runToEnd('rm', ['-r', at('many')]), { status: 0 }, 'removing while listing misses none')
  })

  await t.test('what is created while a directory is read does not upset the reading', async t => {
    await mkdir(at('moving'))
    for (let index = 0; index < 50; index++) await writeFile(at(`moving/${String(index)}`), '')
    const seen: string[] = []
    for await (const { name } of await opendir(at('moving'), { bufferSize: 4 })) {
      if (name.startsWith('new')) continue
      seen.push(name)
      await writeFile(at(`moving/new-${name}`), '')
    }
    t.equal(new Set(seen).size, 50)
    t.equal(seen.length, 50)
  })

  await t.test('mode, owner and times are what was set, to the nanosecond and before 1970', async t => {
    await writeFile(at('meta'), '')
    await chmod(at('meta'), 0o4751)
    t.equal((await stat(at('meta'))).mode & 0o7777, 0o4751)
    await chown(at('meta'), 1234, 4321)
    t.match(await stat(at('meta')), { uid: 1234, gid: 4321 })
    t.equal((await stat(at('meta'))).mode & 0o7777, 0o751, 'a change of owner takes set-id away')
    await runToEnd('touch', ['-d', '1950-06-01 01:02:03.123456789Z', at('meta')])
    t.equal((await stat(at('meta'), { bigint: true })).mtimeNs, BigInt(Date.UTC(1950, 5, 1, 1, 2, 3)) * 1_000_000n + 123_456_789n)
    await utimes(at('meta'), 1, 2)
    t.match(await stat(at('meta')), { atimeMs: 1000, mtimeMs: 2000 })
    await symlink('meta', at('meta-link'))
    await lutimes(at('meta-link'), 5, 6)
    t.equal((await lstat(at('meta-link'))).mtimeMs, 6000)
    t.equal((await stat(at('meta'))).mtimeMs, 2000, 'and the target keeps its own')
  })

  await t.test('fifos, sockets and devices keep their type and number', async t => {
    const { status, errors } = await runToEnd('sh', ['-ec', 'mkfifo fifo; mknod null c 1 3; mknod loop b 7 300'], { cwd: root })
    t.equal(status, 0, errors)
    t.ok((await stat(at('fifo'))).isFIFO())
    t.ok((await stat(at('null'))).isCharacterDevice())
    t.equal((await stat(at('null'))).rdev, (1 << 8) | 3)
    t.ok((await stat(at('loop'))).isBlockDevice())
    t.equal((await runToEnd('stat', ['-c', '%t %T', at('loop')])).output.trim(), '7 12c')
    t.equal((await runToEnd('sh', ['-c', 'cat fifo & echo through > fifo; wait'], { cwd: root })).output, 'through\n')
  })

  await t.test('a tree copied in is the tree copied from', async t => {
    const source = path.resolve(import.meta.dirname, '../../../src')
    t.match(await runToEnd('cp', ['-a', source, at('tree')]), { status: 0, errors: '' })
    t.match(await runToEnd('diff', ['-r', source, at('tree')]), { status: 0, output: '' })
    t.match(await runToEnd('sh', ['-c', `tar c -C '${root}' tree | tar d -C '${root}'`]), { status: 0 })
  })

  t.equal(complaints(), '', 'the server has nothing to complain about')
}
