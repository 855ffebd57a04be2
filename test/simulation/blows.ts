import { DiskError } from '../../src/seams/disk.ts'
import type { Machine, SimulatedCluster } from './cluster.ts'
import type { SeededRandom } from './random.ts'
import { found, rotOnce } from './rot.ts'

/** Extra delay of a message on a slow way, in ms, up to this. */
const LAG_MS_MAX = 800
/** The same for a client that is far away. */
const FAR_MS = 500
/** How many times slower a slow disk is. */
const DRAG_MAX = 200

/** One way to hurt a cluster. */
export interface Blow {
  /** Some disk may lose bytes that were acknowledged and not synced, or whole replicas. */
  losesBytes?: true
  /** Even of what was synced: overlapping ones could cost all replicas, which is nobody's promise to survive. */
  losesSyncedBytes?: true
  /** Hosts that it hurts, chosen by chance. */
  victims(cluster: SimulatedCluster, random: SeededRandom): string[]
  /** @returns how to undo it; none when it was over at once */
  strike(cluster: SimulatedCluster, victims: readonly string[], random: SeededRandom): Promise<(() => Promise<void>) | undefined>
}

const someMachine: Blow['victims'] = ({ machines }, random) => [random.pick(machines).host]

const somePair: Blow['victims'] = ({ hosts }, random) => {
  const one = random.pick(hosts)
  return [one, random.pick(hosts.filter(host => host !== one))]
}

/** Every way in which a cluster is hurt, by name. */
export const blows = {
  /** A process dies; the machine keeps what it wrote. */
  kill: {
    victims: someMachine,
    strike: async (cluster, [host]) => crashed(machineOf(cluster, host), 'kill'),
  },
  /** A machine loses power, and with it some of what was not synced. */
  power: {
    losesBytes: true,
    victims: someMachine,
    strike: async (cluster, [host]) => crashed(machineOf(cluster, host), 'power'),
  },
  /** A client comes, works and dies in the middle of it. */
  client: {
    victims: () => [],
    strike: async cluster => {
      const guest = await cluster.guest()
      return async () => { guest.crash('kill') }
    },
  },
  /** The same from far away: what it has sent last has mostly arrived when it dies, and the master was not told of it. */
  far: {
    victims: () => [],
    strike: async cluster => {
      const guest = await cluster.guest()
      for (const { host } of cluster.machines) cluster.world.network.slow(guest.host, host, FAR_MS)
      return async () => { guest.crash('kill') }
    },
  },
  /** A process is stopped, and goes on later without having noticed. */
  hang: {
    victims: ({ machines, clients }, random) => [random.pick([...machines, ...clients]).host],
    strike: async ({ world }, [host = '']) => {
      const turns = world.turnsOf(host)
      turns.stop()
      return async () => { turns.go() }
    },
  },
  /** Nothing passes between two hosts. */
  cut: {
    victims: somePair,
    strike: async ({ world: { network } }, [one = '', other = '']) => {
      network.cut(one, other)
      return async () => { network.heal(one, other) }
    },
  },
  /** What one sends never reaches the other. */
  deaf: {
    victims: somePair,
    strike: async ({ world: { network } }, [one = '', other = '']) => {
      network.cut(one, other, 'there')
      return async () => { network.heal(one, other) }
    },
  },
  /** A host is cut off from all others. */
  isolate: {
    victims: ({ hosts }, random) => [random.pick(hosts)],
    strike: async ({ hosts, world: { network } }, [one = '']) => {
      for (const other of hosts) if (other !== one) network.cut(one, other)
      return async () => { for (const other of hosts) network.heal(one, other) }
    },
  },
  /** Messages between two hosts are late, and so overtaken by those of other connections. */
  lag: {
    victims: somePair,
    strike: async ({ world: { network } }, [one = '', other = ''], random) => {
      network.slow(one, other, random.below(LAG_MS_MAX))
      return async () => { network.heal(one, other) }
    },
  },
  /** The connections between two hosts break. */
  reset: {
    victims: somePair,
    strike: async ({ world: { network } }, [one = '', other = '']) => {
      network.reset(one, other)
      return undefined
    },
  },
  /** Connections between two hosts break at the moment of an answer: what was asked has been done, and nobody hears of it. */
  unanswered: {
    victims: somePair,
    strike: async ({ world: { network } }, [one = '', other = '']) => {
      network.loseAnswers(one, other)
      return async () => { network.heal(one, other) }
    },
  },
  /** A disk has no room left. */
  full: {
    victims: someMachine,
    strike: async (cluster, [host], random) => {
      const machine = machineOf(cluster, host)
      const { disk } = machine
      const { totalBytes } = disk
      disk.totalBytes = disk.usedBytes() + random.below(100_000)
      return async () => {
        disk.totalBytes = totalBytes
        if (!machine.running) await machine.start()
      }
    },
  },
  /** A disk fails to sync, and forgets what it was to write; half of the time it takes no writes either. */
  fail: {
    losesBytes: true,
    losesSyncedBytes: true,
    victims: someMachine,
    strike: async (cluster, [host], random) => {
      const machine = machineOf(cluster, host)
      const { disk } = machine
      const fault = new DiskError('EIO', 'a disk that fails')
      disk.syncFault = fault
      if (random.chance(0.5)) disk.writeFault = fault
      return async () => {
        disk.syncFault = undefined
        disk.writeFault = undefined
        if (!machine.running) await machine.start()
      }
    },
  },
  /** A disk takes its time. */
  drag: {
    victims: someMachine,
    strike: async (cluster, [host], random) => {
      const { disk } = machineOf(cluster, host)
      disk.slowness = 1 + random.below(DRAG_MAX)
      return async () => { disk.slowness = 1 }
    },
  },
  /** One bit of one replica turns while all others are good; nothing else happens before somebody has found it. */
  rot: {
    losesBytes: true,
    losesSyncedBytes: true,
    victims: ({ servers }, random) => [random.pick(servers).host],
    strike: async (cluster, [host], random) => {
      const server = cluster.servers.find(each => each.host === host)
      if (server === undefined) return undefined
      const name = await rotOnce(cluster, server.disk, random)
      return name === undefined ? undefined : () => found(cluster, server.server.address, server.disk, name)
    },
  },
} satisfies Record<string, Blow>

export type BlowKind = keyof typeof blows

function machineOf({ machines }: SimulatedCluster, host: string | undefined): Machine {
  const machine = machines.find(each => each.host === host)
  if (machine === undefined) throw new Error(`there is no machine ${String(host)}`)
  return machine
}

function crashed(machine: Machine, how: 'kill' | 'power'): () => Promise<void> {
  machine.crash(how)
  return () => machine.start()
}
