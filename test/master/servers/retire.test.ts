import t, { type Test } from 'tap'
import type { ChunkServer } from '../../../src/chunkserver/server.ts'
import type { ServerId } from '../../../src/protocol/identifiers.ts'
import { eventually, RunningMaster, type Client } from '../running-master.ts'

const idOf = (server: ChunkServer | undefined): ServerId => server?.id ?? 0 as ServerId

async function running(t: Test, servers: number): Promise<{ running: RunningMaster, client: Client, ids: ServerId[] }> {
  const running = await RunningMaster.start({ settleMs: 2_000 })
  t.teardown(() => running.stop())
  for (let count = 0; count < servers; count++) await running.addChunkserver()
  const client = await running.client()
  await eventually('all have registered', async () => (await client.call('chunkservers', {})).servers.length === servers)
  return { running, client, ids: running.chunkservers.map(idOf) }
}

t.test('a server is drained only where enough others stay', async t => {
  const { client, ids } = await running(t, 4)
  const [one, two] = ids
  if (one === undefined || two === undefined) throw new Error('four servers')
  await t.rejects(client.call('drain', { servers: [1 as ServerId], cancel: false }), { code: 'invalid', message: /no chunkserver 1/ })
  await t.rejects(client.call('drain', { servers: [one, two], cancel: false }), { code: 'invalid', message: /add chunkservers/ })
  t.strictSame(await client.call('drain', { servers: [one], cancel: false }), { warnings: [] })
  await t.rejects(client.call('drain', { servers: [two], cancel: false }), { code: 'invalid' }, 'those that leave already do not stay')
  await client.call('drain', { servers: [one], cancel: true })
  t.strictSame(await client.call('drain', { servers: [two], cancel: false }), { warnings: [] })
})

t.test('a draining server gets no new chunks, also after the master has started again', async t => {
  const { running: cluster, client, ids: [leaving] } = await running(t, 4)
  if (leaving === undefined) throw new Error('four servers')
  await client.call('drain', { servers: [leaving], cancel: false })
  await cluster.restart()
  const again = await cluster.client()
  await eventually('all are back', async () =>
    (await again.call('chunkservers', {})).servers.filter(({ state }) => state === 'live').length === 4)
  const listed = (await again.call('chunkservers', {})).servers.filter(({ draining }) => draining)
  t.strictSame(listed.map(({ server }) => server), [leaving])
  for (let number = 0; number < 8; number++) {
    const { inode } = await again.call('create', {
      ...again.mutating(), parent: 1 as never, name: `file-${String(number)}` as never, mode: 0o644,
      exclusive: true, read: true, write: true, truncate: false,
    })
    const { stamp } = again.mutating()
    const { replicas } = await again.call('lease', { stamp, inode, index: 0 as never, suspects: [] })
    t.equal(replicas.length, 3)
    t.notOk(replicas.some(({ server }) => server === leaving))
  }
})

t.test('only a server that is gone is forgotten, and then no start waits for it', async t => {
  const { running: cluster, client, ids: [victim] } = await running(t, 4)
  if (victim === undefined) throw new Error('four servers')
  await t.rejects(client.call('forget', { server: victim, force: true }), { code: 'invalid', message: /connected/ })
  await cluster.chunkservers.find(({ id }) => id === victim)?.stop()
  await eventually('it is gone', async () =>
    (await client.call('chunkservers', {})).servers.some(({ server, state }) => server === victim && state !== 'live'))
  // Until it knows what all the others have the master refuses.
  await eventually('it is forgotten', () => client.call('forget', { server: victim, force: false }).then(() => true, () => false))
  t.notOk((await client.call('chunkservers', {})).servers.some(({ server }) => server === victim))
  await cluster.restart()
  const again = await cluster.client()
  t.notOk((await again.call('chunkservers', {})).servers.some(({ server }) => server === victim))
})
