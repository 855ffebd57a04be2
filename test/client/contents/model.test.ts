import fc from 'fast-check'
import t from 'tap'
import type { FileContents } from '../../../src/client/contents/contents.ts'
import { ToyCluster, type CommitFault, readOf } from './toy-cluster.ts'

const CHUNK_BYTES = 64 * 1024
const FILE_BYTES = 3 * CHUNK_BYTES

type Step =
  | { do: 'write' | 'read' | 'zero', offsetBytes: number, lengthBytes: number }
  | { do: 'append', lengthBytes: number }
  | { do: 'truncate', sizeBytes: number }
  | { do: 'flush' | 'sync' | 'let time pass' | 'reopen' }
  | { do: 'break', fault: CommitFault }

const range = { offsetBytes: fc.nat(FILE_BYTES - 1), lengthBytes: fc.integer({ min: 1, max: 40_000 }) }
const fault = fc.constantFrom<CommitFault>(
  { made: true, answer: 'replicas-failed' }, { made: false, answer: 'replicas-failed' },
  { made: true, answer: 'outcome-unknown' }, { made: false, answer: 'lease-lost' }, { made: false, answer: 'busy' },
  { made: true, answer: 'deadline-passed' }, { made: false, answer: 'disk-full' },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), ...range }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), ...range }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('append' as const), lengthBytes: fc.integer({ min: 1, max: 50_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('zero' as const), offsetBytes: range.offsetBytes, lengthBytes: fc.nat(2 * CHUNK_BYTES) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), sizeBytes: fc.nat(FILE_BYTES) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'sync' as const, 'let time pass' as const, 'reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('break' as const), fault }) },
)

/** The file as a program must see it. */
class ModelFile {
  bytes = Buffer.alloc(0)

  write(offsetBytes: number, data: Buffer): void {
    this.resize(Math.max(this.bytes.length, offsetBytes + data.length))
    this.bytes.set(data, offsetBytes)
  }

  resize(sizeBytes: number): void {
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(Math.max(0, sizeBytes - this.bytes.length))]).subarray(0, sizeBytes)
  }
}

let filler = 0
function fresh(lengthBytes: number): Buffer {
  const data = Buffer.alloc(lengthBytes)
  for (let at = 0; at < lengthBytes; at += 7) data[at] = filler = (filler * 31 + 17) % 256
  data[0] = 1 + (filler % 255)
  return data
}

async function run(cluster: ToyCluster, model: ModelFile, contents: FileContents, each: Step): Promise<FileContents> {
  switch (each.do) {
    case 'write': {
      const data = fresh(each.lengthBytes)
      await cluster.finish(contents.write(each.offsetBytes, data))
      model.write(each.offsetBytes, data)
      // The caller may use its buffer for something else now.
      data.fill(0xee)
      // The model keeps its own copy of what was written.
      return contents
    }
    case 'append': {
      const data = fresh(each.lengthBytes)
      model.write(model.bytes.length, data)
      await cluster.finish(contents.append(data))
      data.fill(0xee)
      return contents
    }
    case 'read': {
      const got = await cluster.finish(readOf(contents, each.offsetBytes, each.lengthBytes))
      const expected = model.bytes.subarray(each.offsetBytes, each.offsetBytes + each.lengthBytes)
      if (!got.equals(expected)) throw new Error(`read ${each.offsetBytes}+${each.lengthBytes}: ${got.length} of ${expected.length} bytes, or others`)
      return contents
    }
    case 'zero': {
      await cluster.finish(contents.zero(each.offsetBytes, each.lengthBytes))
      model.bytes.fill(0, Math.min(each.offsetBytes, model.bytes.length), Math.min(each.offsetBytes + each.lengthBytes, model.bytes.length))
      return contents
    }
    case 'truncate':
      await cluster.finish(contents.truncate(each.sizeBytes, async () => cluster.setSize(each.sizeBytes)))
      model.resize(each.sizeBytes)
      return contents
    case 'flush': await cluster.finish(contents.flush()); return contents
    case 'sync': await cluster.finish(contents.sync()); return contents
    case 'let time pass': await cluster.pass(1_500); return contents
    case 'break': cluster.commitFaults.push(each.fault); return contents
    case 'reopen':
      await cluster.finish(contents.close())
      return cluster.open()
  }
}

t.test('a read sees exactly what was written before, whatever was sent, repeated or broken meanwhile', async t => {
  let broken = 0
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
    const cluster = await ToyCluster.start({ seed, chunkSizeBytes: CHUNK_BYTES, options: { writeBehindBytes: 512 * 1024 } })
    const model = new ModelFile()
    let contents = cluster.open()
    for (const each of steps) {
      if (each.do === 'break') broken++
      contents = await run(cluster, model, contents, each)
      if (contents.sizeBytes !== model.bytes.length) throw new Error(`size ${contents.sizeBytes}, not ${model.bytes.length}`)
    }
    await cluster.finish(contents.close())
    if (!cluster.stored().equals(model.bytes)) throw new Error('the replicas have other bytes')
  }), { seed: 20_261_121, numRuns: Number(process.env['RUNS'] ?? 60) })
  t.ok(broken > 0, 'a run in which nothing broke proves little')
})
