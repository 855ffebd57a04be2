import t from 'tap'
import { DirectoryListing } from '../../src/fuse/directory-listing.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import type { Name } from '../../src/protocol/names.ts'
import { MemoryFileSystem } from './memory-file-system.ts'

const COUNT = 5_000
const name = (index: number): Name => String(index).padStart(5, '0') as Name

async function filled(count = COUNT): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem()
  for (let index = 0; index < count; index++) {
    await fileSystem.make(fileSystem.root, name(index), { type: 'file', mode: 0o644 }, superuser)
  }
  return fileSystem
}

t.test('a listing read in steps of any size has each entry once, in order', async t => {
  const fileSystem = await filled()
  const listing = new DirectoryListing(fileSystem, fileSystem.root)
  const seen: Name[] = []
  for (let step = 1; ; step = step % 37 + 1) {
    const entries = (await listing.from(seen.length)).slice(0, step)
    if (entries.length === 0) break
    seen.push(...entries.map(entry => entry.name))
  }
  t.strictSame(seen, Array.from({ length: COUNT }, (_, index) => name(index)))
})

t.test('steps back, and jumps to where one has been, find the same entries', async t => {
  const fileSystem = await filled()
  const listing = new DirectoryListing(fileSystem, fileSystem.root)
  for (let position = 0; position < COUNT;) position += (await listing.from(position)).length
  for (const position of [COUNT - 1, 3_000, 1_024, 1_023, 0, 4_096]) {
    t.equal((await listing.from(position))[0]?.name, name(position))
  }
  t.strictSame(await listing.from(COUNT), [])
})

t.test('entries removed while they are read cost no others', async t => {
  const fileSystem = await filled()
  const listing = new DirectoryListing(fileSystem, fileSystem.root)
  const seen: Name[] = []
  for (;;) {
    const entries = await listing.from(seen.length)
    if (entries.length === 0) break
    for (const entry of entries) {
      seen.push(entry.name)
      await fileSystem.unlink(fileSystem.root, entry.name)
    }
  }
  t.equal(new Set(seen).size, COUNT)
})

t.test('rewinding shows what was created since', async t => {
  const fileSystem = await filled(3)
  const listing = new DirectoryListing(fileSystem, fileSystem.root)
  t.equal((await listing.from(0)).length, 3)
  await fileSystem.make(fileSystem.root, name(9), { type: 'file', mode: 0o644 }, superuser)
  listing.rewind()
  t.equal((await listing.from(0)).length, 4)
})

t.test('the end of a directory is known without asking for it', async t => {
  const fileSystem = await filled(100)
  const asked = t.capture(fileSystem, 'readDirectory', fileSystem.readDirectory.bind(fileSystem))
  const listing = new DirectoryListing(fileSystem, fileSystem.root)
  t.equal((await listing.from(0)).length, 100)
  t.strictSame(await listing.from(100), [])
  t.equal(asked().length, 1)
})
