import t from 'tap'
import { z } from 'zod'
import { attributes } from '../../src/protocol/attributes.ts'
import { chunkLocation, mutation, source } from '../../src/protocol/chunks.ts'
import { checked, fitsOf } from '../../src/protocol/fits.ts'
import { name, xattrName } from '../../src/protocol/names.ts'

const file = {
  inode: 5, type: 'file', mode: 0o644, links: 1, uid: 0, gid: 0, device: 0, sizeBytes: 4_096, allocatedBytes: 4_096,
  accessedNs: 1n, modifiedNs: 2n, changedNs: -3n, contentVersion: 3, chunkSizeBytes: 65_536, hasXattrs: false,
}
const proven = { index: 0, chunk: 1, version: 2, replicas: [{ server: 1, address: 'host:1', rack: 'r', host: 'h' }] }
const place = { ...proven, unproven: true }

/** What is judged, what fits it, and what does not or is for zod to judge. */
const cases: [what: string, schema: z.ZodType, good: unknown[], others: unknown[]][] = [
  ['attributes', attributes, [file], [
    {}, null, [], 'file', { ...file, mode: 0o10000 }, { ...file, inode: -1 }, { ...file, inode: 1.5 },
    { ...file, inode: 2 ** 53 }, { ...file, inode: '5' }, { ...file, type: 'door' }, { ...file, changedNs: 2n ** 63n },
    { ...file, changedNs: 1 }, { ...file, hasXattrs: 0 }, { ...file, more: 1 }, { ...file, more: undefined },
  ]],
  ['where a chunk is', chunkLocation, [place, proven, { ...place, unproven: undefined }, { ...place, replicas: [] }], [
    { ...place, unproven: 1 }, { ...place, replicas: [{ server: 1 }] }, { ...place, replicas: {} },
    { ...place, replicas: [{ ...place.replicas[0], address: 'nowhere' }] }, { ...place, replicas: Array(1_000).fill(place.replicas[0]) },
  ]],
  ['a change of a chunk', mutation, [
    { kind: 'append' }, { kind: 'resize', lengthBytes: 0 }, { kind: 'write', extents: [{ offsetBytes: 0, lengthBytes: 1 }] },
  ], [{ kind: 'write' }, { kind: 'write', extents: [] }, { kind: 'append', lengthBytes: 1 }, { kind: 'other' }, {}]],
  ['where bytes are', source, [{ from: 'nothing' }, { from: 'push', push: 1 }], [{ from: 'push' }, { push: 1 }]],
  ['a name', name, ['a', '\u00ff'.repeat(255)], ['', '.', '..', 'a/b', '\0', '\u0100', 'a'.repeat(256), 1]],
  ['bytes with a limit', z.instanceof(Uint8Array).refine(bytes => bytes.length < 3), [Buffer.alloc(2)], [Buffer.alloc(3), [1], 'a']],
  ['one or the other', z.union([z.bigint(), z.literal('now')]), ['now', 1n], [1, 'then', undefined]],
  ['a name of an attribute', xattrName, ['user.a'], ['']],
  ['any number', z.number(), [0, -1.5], [NaN, Infinity, '1', 1n]],
]

for (const [what, schema, good, others] of cases) {
  t.test(`${what}: what fits is what zod takes, and is not made anew`, t => {
    const fits = fitsOf(schema)
    for (const value of good) {
      t.ok(fits(value), 'zod need not look at it')
      t.equal(checked(schema, value).data, value)
      t.strictSame(schema.parse(value), value)
    }
    for (const value of others) {
      t.notOk(fits(value))
      t.strictSame(checked(schema, value).data, schema.safeParse(value).data)
    }
    t.end()
  })
}

t.test('what changes values, or is not known, is left to zod', t => {
  const left: [z.ZodType, unknown][] = [
    [z.string().transform(text => text.length), 'abc'], [z.number().default(1), undefined], [z.coerce.number(), '1'],
    [z.object({ a: z.string().trim() }), { a: ' a' }], [z.union([z.object({ a: z.int() }), z.object({ a: z.int(), b: z.int() })]), { a: 1, b: 2 }],
    [z.strictObject({ a: z.int() }), { a: 1 }], [z.looseObject({ a: z.int() }), { a: 1, b: 2 }], [z.int32(), 2 ** 40],
    [z.number().multipleOf(2), 3], [z.email(), 'a'], [z.record(z.string(), z.int()), { a: 1 }], [z.tuple([z.int()]), [1]],
  ]
  for (const [schema, value] of left) {
    t.notOk(fitsOf(schema)(value))
    t.strictSame(checked(schema, value).data, schema.safeParse(value).data)
  }
  t.end()
})
