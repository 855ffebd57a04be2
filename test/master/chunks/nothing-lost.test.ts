import t from 'tap'
import type { ChunkLease } from '../../../src/protocol/chunks.ts'
import { ChunkWorld } from './chunk-world.ts'

const SEEDS = 60
const TURNS = 60
const SERVERS = 5

/** What readers may find: the write last acknowledged, or one that was tried since and not acknowledged. */
class Expected {
  readonly allowed = new Set<number>([0])
  #next = 1
  acknowledged = 0

  try(write: (content: number) => boolean): void {
    const content = this.#next++
    this.allowed.add(content)
    if (!write(content)) return
    this.allowed.clear()
    this.allowed.add(content)
    this.acknowledged++
  }
}

interface Outcome {
  acknowledged: number
  kills: number
  restarts: number
  copies: number
  wrong: string | undefined
}

/** One cluster, hurt at random and then healed. @returns how much of what happened */
async function run(seed: number): Promise<Outcome> {
  const world = await ChunkWorld.of(Array.from({ length: SERVERS }, () => ({})), {
    seed, heartbeatMs: 1_000, staleMs: 3_000, deadMs: 6_000, leaseMs: 10_000, settleMs: 2_000, fenceMs: 200, graceMs: 100,
  })
  const { random } = world.world
  const expected = new Expected()
  const leases: ChunkLease[] = []
  let kills = 0
  let restarts = 0
  const anyServer = () => world.server(1 + random.below(SERVERS))
  const connect = async (id: number): Promise<void> => {
    const server = world.server(id)
    if (server.link !== undefined && !server.link.closed) return
    await world.finish(server.connect()).catch(() => {})
  }
  const ask = async (): Promise<void> => {
    const last = leases.at(-1)
    const suspects = world.servers.filter(({ link }) => link === undefined).map(({ id }) => id)
    try {
      leases.push(await world.lease(0, last !== undefined && random.chance(0.6) ? { known: last.version, suspects } : {}))
    } catch { /* no replica just now */ }
  }
  const write = (given: ChunkLease | undefined): void => {
    // Only who has the lease orders anything.
    if (given === undefined || !world.server(given.primary).isPrimary(given.chunk, given.version)) return
    expected.try(content => {
      // In chain order, and sometimes cut short.
      const isPrimary = ({ server }: { server: number }): boolean => server === given.primary
      const members = [...given.replicas.filter(isPrimary), ...given.replicas.filter(each => !isPrimary(each))]
      for (const { server } of members) {
        const fake = world.server(server)
        if (random.chance(0.1) || fake.link === undefined || !fake.apply(given.chunk, given.version, content)) return false
      }
      return true
    })
  }
  for (let turn = 0; turn < TURNS; turn++) {
    const dice = random.fraction()
    if (dice < 0.2) await ask()
    else if (dice < 0.5) write(random.chance(0.8) ? leases.at(-1) : leases[random.below(leases.length || 1)])
    else if (dice < 0.58) { anyServer().kill(); kills++ }
    else if (dice < 0.68) await connect(1 + random.below(SERVERS))
    else if (dice < 0.71) { await world.restartMaster(); restarts++ }
    else if (dice < 0.8) {
      anyServer().muffled.add(random.chance(0.7) ? 'fence' : 'grant')
      await ask()
      write(leases.at(-1))
      for (const { muffled } of world.servers) muffled.clear()
    } else await world.pass(random.below(7_000))
  }
  for (const { muffled } of world.servers) muffled.clear()
  for (const server of world.servers) await connect(server.id)
  await world.pass(15_000)
  const final = await world.lease()
  await world.pass(15_000)
  const contents = final.replicas.map(({ server }) => world.server(server).replicas.get(final.chunk)?.content ?? 0)
  const holders = world.holders(final.chunk)
  const wrong = new Set(contents).size > 1 ? `replicas differ: ${contents.join()}`
    : !expected.allowed.has(contents[0] ?? 0) ? `found ${String(contents[0])}, expected one of ${[...expected.allowed].join()}`
      : expected.acknowledged > 0 && holders.length !== 3 ? `replicas at ${holders.join()}` : undefined
  return {
    acknowledged: expected.acknowledged, kills, restarts, wrong,
    copies: world.servers.reduce((sum, { copied }) => sum + copied.length, 0),
  }
}

t.test('what was acknowledged is there, on equal replicas, whatever died in between', async t => {
  const sums = { acknowledged: 0, kills: 0, restarts: 0, copies: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { wrong, ...counts } = await run(seed)
    if (wrong !== undefined) t.fail(`seed ${seed}: ${wrong}`)
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += counts[key]
  }
  t.ok(sums.acknowledged > SEEDS && sums.kills > SEEDS && sums.restarts > SEEDS && sums.copies > SEEDS,
    `a run that hurts nobody proves nothing: ${JSON.stringify(sums)}`)
})
