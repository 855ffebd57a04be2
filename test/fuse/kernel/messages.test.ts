import fc from 'fast-check'
import t from 'tap'
import * as messages from '../../../src/fuse/kernel/messages.ts'
import { structure, type Structure } from '../../../src/fuse/kernel/structure.ts'

/** sizeof of each structure, as a C compiler prints it from <linux/fuse.h> on a 64-bit machine. */
const sizes = {
  inHeader: 40,
  outHeader: 16,
  attr: 88,
  entryOut: 128,
  attrOut: 104,
  initOut: 64,
  forgetIn: 8,
  batchForgetIn: 8,
  forgetOne: 16,
  interruptIn: 8,
  getattrIn: 16,
  setattrIn: 88,
  mknodIn: 16,
  mkdirIn: 8,
  renameIn: 8,
  rename2In: 16,
  linkIn: 8,
  openIn: 8,
  createIn: 16,
  openOut: 16,
  releaseIn: 24,
  flushIn: 24,
  fsyncIn: 16,
  readIn: 40,
  writeIn: 40,
  writeOut: 8,
  fallocateIn: 32,
  lseekIn: 24,
  lseekOut: 8,
  copyFileRangeIn: 56,
  dirent: 24,
  statfsOut: 80,
  getxattrIn: 8,
  getxattrOut: 8,
  notifyInvalInodeOut: 24,
  notifyInvalEntryOut: 16,
  // What we ask for leaves these two as they were before they grew.
  setxattrIn: 8,
  initIn: 16,
} as const

type Values = Record<string, number>

function isStructure(value: unknown): value is Structure<Values> {
  return typeof value === 'object' && value !== null && 'encodeInto' in value
}

const declarations: Record<string, unknown> = messages
const structures = new Map<string, Structure<Values>>()
for (const [name, value] of Object.entries(declarations)) if (isStructure(value)) structures.set(name, value)

t.test('every structure has the size that the kernel has', t => {
  t.strictSame([...structures.keys()].sort(), Object.keys(sizes).sort(), 'each is in the table')
  for (const [name, sizeBytes] of Object.entries(sizes)) t.equal(structures.get(name)?.sizeBytes, sizeBytes, name)
  t.end()
})

t.test('every structure decodes to what was encoded, in any place of a buffer', t => {
  for (const [name, declared] of structures) {
    const keys = Object.keys(declared.decode(Buffer.alloc(declared.sizeBytes)))
    fc.assert(fc.property(
      fc.array(fc.nat(0xffff), { minLength: keys.length, maxLength: keys.length }), fc.nat(16), (numbers, at) => {
        const values = Object.fromEntries(keys.map((key, index) => [key, numbers[index] ?? 0]))
        const buffer = Buffer.alloc(at + declared.sizeBytes + 3, 0xee)
        declared.encodeInto(buffer, at, values)
        t.strictSame(declared.decode(buffer, at), values, name)
        t.ok(buffer.subarray(0, at).every(byte => byte === 0xee) && buffer.subarray(-3).every(byte => byte === 0xee))
      }), { numRuns: 10 })
  }
  t.end()
})

t.test('numbers are little-endian, exact to 2^53, and signed where they may be', t => {
  const all = structure({ small: 'u16', half: 'u16', whole: 'u32', minus: 's32', odd: 'u32', big: 'u64', time: 's64' })
  const bytes = all.encode({ small: 0x1234, whole: 0xffff_fffe, minus: -2, big: 2 ** 53 - 1, time: -1 })
  t.equal(bytes.toString('hex'), '34120000feffffff' + 'feffffff00000000' + 'ffffffffffff1f00' + 'ffffffffffffffff')
  t.match(all.decode(bytes), { small: 0x1234, half: 0, whole: 0xffff_fffe, minus: -2, big: 2 ** 53 - 1, time: -1 })
  for (const time of [-(2 ** 40) - 7, -1, 0, 2 ** 40]) t.equal(all.decode(all.encode({ time })).time, time)
  t.end()
})

t.test('a message that ends too early is refused', t => {
  t.throws(() => messages.writeIn.decode(Buffer.alloc(39)), RangeError)
  t.throws(() => messages.writeIn.decode(Buffer.alloc(50), 20), RangeError)
  t.end()
})
