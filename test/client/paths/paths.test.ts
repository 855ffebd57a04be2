import t from 'tap'
import { Paths } from '../../../src/client/paths/paths.ts'
import { superuser } from '../../../src/protocol/attributes.ts'
import { asDfsError } from '../../../src/protocol/errors.ts'
import { MemoryFileSystem } from '../../fuse/memory-file-system.ts'

function paths(): Paths {
  return new Paths(new MemoryFileSystem(), superuser)
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', (error: unknown) => asDfsError(error).code)
}

t.test('a file is what was written to it, all of it', async t => {
  const files = paths()
  await files.writeFile('/file', 'long text')
  await files.writeFile('/file', 'short')
  t.equal((await files.readFile('/file')).toString(), 'short')
  const large = Buffer.alloc(3 * 1024 * 1024 + 1, 'abc')
  t.equal(await files.write('large', [large.subarray(0, 100), large.subarray(100)]), large.length)
  t.ok((await files.readFile('large')).equals(large))
  const pieces: Buffer[] = []
  for await (const piece of files.readStream('/large')) pieces.push(piece as Buffer)
  t.ok(Buffer.concat(pieces).equals(large))
})

t.test('links are followed on the way, and at the end where the call does so', async t => {
  const files = paths()
  await files.mkdir('/a/b/c', { parents: true })
  await files.writeFile('/a/b/c/file', 'x')
  await files.symlink('b/c', '/a/relative')
  await files.symlink('/a/relative', '/absolute')
  await files.symlink('absolute/file', '/twice')
  t.equal((await files.readFile('/twice')).toString(), 'x')
  t.match(await files.lstat('/twice'), { type: 'symlink' })
  t.match(await files.stat('/absolute/../c/./file'), { type: 'file' }, '".." is that of where the link leads')
  t.match(await files.lstat('/absolute/'), { type: 'directory' }, 'a slash at the end means the directory')
  await files.symlink('made-through-link', '/dangling')
  await files.writeFile('/dangling', 'y')
  t.equal((await files.readFile('/made-through-link')).toString(), 'y')
  t.equal((await files.readLink('/dangling')), 'made-through-link')
})

t.test('wrong paths fail as the system calls do', async t => {
  const files = paths()
  await files.writeFile('/file', 'x')
  await files.symlink('loop', '/loop')
  t.equal(await codeOf(files.stat('/loop')), 'loop')
  t.equal(await codeOf(files.stat('/none')), 'no-such-entry')
  t.equal(await codeOf(files.stat('/none/more')), 'no-such-entry')
  t.equal(await codeOf(files.stat('/file/more')), 'not-a-directory')
  t.equal(await codeOf(files.stat('/file/')), 'not-a-directory')
  t.equal(await codeOf(files.stat(`/${'n'.repeat(256)}`)), 'name-too-long')
  t.equal(await codeOf(files.stat(`/${'n/'.repeat(3_000)}`)), 'name-too-long')
  t.equal(await codeOf(files.mkdir('/file')), 'already-exists')
  t.equal(await codeOf(files.mkdir('/')), 'already-exists')
  t.equal(await codeOf(files.mkdir('/file/x', { parents: true })), 'not-a-directory')
  t.equal(await codeOf(files.remove('/')), 'invalid')
  t.equal(await codeOf(files.list('/file')), 'not-a-directory')
  t.equal(await codeOf(files.open('/file', { read: true, write: false, create: { mode: 0o600, exclusive: true } })),
    'already-exists')
})

t.test('the root may be called by any of its names', async t => {
  const files = paths()
  for (const path of ['', '/', '.', '/..', '//.']) t.match(await files.stat(path), { type: 'directory' }, JSON.stringify(path))
})

t.test('names that are not UTF-8 work as bytes', async t => {
  const files = paths()
  const odd = Buffer.from([0x2f, 0xff, 0xfe, 0x0a])
  await files.writeFile(odd, 'odd')
  t.equal((await files.readFile(odd)).toString(), 'odd')
  t.same((await files.list('/')).map(({ name }) => Buffer.from(name, 'latin1')), [odd.subarray(1)])
})

t.test('a directory of thousands is listed and removed whole', async t => {
  const files = paths()
  await files.mkdir('/dir/sub', { parents: true })
  for (let at = 0; at < 2_500; at++) await files.make(`/dir/file${String(at)}`, { type: 'file', mode: 0o600 })
  await files.writeFile('/dir/sub/inner', 'x')
  t.equal((await files.list('/dir')).length, 2_501)
  t.equal(await codeOf(files.remove('/dir')), 'not-empty')
  await files.remove('/dir', { recursive: true })
  t.same(await files.list('/'), [])
})
