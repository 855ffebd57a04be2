import t from 'tap'
import { judge, wantedIn, type Problem, type Replica } from '../../../src/client/fsck/judge.ts'
import type { ChunkVersion, ServerId } from '../../../src/protocol/identifiers.ts'
import type { ClusterStatus } from '../../../src/protocol/master-api.ts'

const wanted = { replicas: 3, racks: 3 }

/** good@a: a good replica on rack a; good@a! on a server that is being drained. */
const replicas = (text: string): Replica[] => text.split(' ').filter(word => word !== '').map((word, at) => {
  const [state = '', place = ''] = word.split('@')
  const rack = place.replace('!', '')
  return {
    server: at as ServerId, address: 'h:1', rack, host: `host-${String(at)}`, version: 1 as ChunkVersion, lengthBytes: 1,
    state: state as Replica['state'], draining: place.endsWith('!'),
  }
})

const cases: [string, Problem[]][] = [
  ['good@a good@b good@c', []],
  ['expected@a expected@b expected@c', []],
  ['good@a good@b', ['under-replicated']],
  ['good@a good@b good@b', ['misplaced']],
  ['good@a good@a', ['under-replicated', 'misplaced']],
  ['good@a good@b good@c good@d', ['over-replicated']],
  ['good@a good@b good@c good@d!', []],
  ['good@a good@b good@c!', ['leaving']],
  ['good@a good@b!', ['under-replicated']],
  ['good@a! good@b! good@c! good@d!', ['leaving']],
  ['good@a good@b good@c corrupt@d', ['corrupt']],
  ['good@a good@b stale@c', ['under-replicated', 'stale']],
  ['good@a silent@b silent@c', ['under-replicated']],
  ['silent@a silent@b silent@c', ['missing']],
  ['doubtful@a doubtful@b', ['missing', 'doubtful']],
  ['corrupt@a', ['missing', 'corrupt']],
  ['', ['missing']],
]

for (const [text, expected] of cases) {
  t.test(`${text === '' ? 'no replica' : text}: ${expected.join(', ')}`, async t => {
    t.strictSame(judge({ replicas: replicas(text), blank: false }, wanted), expected)
  })
}

t.test('a chunk to which nothing was ever written lacks nothing', async t => {
  t.strictSame(judge({ replicas: [], blank: true }, wanted), [])
})

t.test('no more racks are asked for than there are, or than the policy wants', async t => {
  const status = (placement: string, racks: string[]): ClusterStatus => ({
    placement, replicas: 3, servers: racks.map(rack => ({ rack, state: rack === 'dead' ? 'dead' : 'live' })),
  } as unknown as ClusterStatus)
  t.equal(wantedIn(status('spread', ['a', 'a', 'b', 'dead'])).racks, 2)
  t.equal(wantedIn(status('spread', ['a', 'b', 'c', 'd'])).racks, 3)
  t.equal(wantedIn(status('hdfs', ['a', 'b', 'c', 'd'])).racks, 2)
})
