import { spawnSync } from 'node:child_process'
import { noMount, shell } from './harness.ts'

const canMakeNamespaces = (): boolean => {
  const name = `dfs-try-${String(process.pid)}`
  const made = spawnSync('ip', ['netns', 'add', name]).status === 0
  if (made) spawnSync('ip', ['netns', 'del', name])
  return made
}

/** Options for `t.test` of a test that needs machines of its own on a network of its own. */
export const networking = noMount !== undefined ? { skip: `SKIPPED, NOT TESTED: ${noMount}` }
  : canMakeNamespaces() ? {} : { skip: 'SKIPPED, NOT TESTED: no network namespaces here' }

/** The test itself, and the mounts it makes, are outside. */
export type Host = number | 'client'

/** An address that no machine has: what is sent there gets lost without a word. */
const NOWHERE = '02:00:00:00:00:99'

/**
 * Machines of their own for the servers of a cluster: network namespaces on one bridge, the master 0, the chunkservers from 1
 * on. Any two can be cut off from one another, silently, as by a broken switch.
 */
export class Network {
  readonly name: string
  readonly subnet: string
  readonly #hosts: number
  readonly #cuts = new Set<string>()

  private constructor(name: string, subnet: string, hosts: number) {
    this.name = name
    this.subnet = subnet
    this.#hosts = hosts
  }

  static async make(hosts: number): Promise<Network> {
    const number = process.pid % 60_000
    const network = new Network(`dfs${String(number)}`, `10.${String(100 + Math.floor(number / 250) % 100)}.${String(number % 250)}`, hosts)
    try {
      const { name, subnet } = network
      await shell(`ip link add ${name} type bridge && ip addr add ${subnet}.1/24 dev ${name} && ip link set ${name} up`)
      for (let host = 0; host < hosts; host++) {
        const inside = `${name}-${String(host)}`
        await shell([
          `ip netns add ${inside}`,
          `ip link add ${inside} type veth peer name eth0 netns ${inside}`,
          `ip link set ${inside} master ${name} up`,
          `ip -n ${inside} addr add ${subnet}.${String(10 + host)}/24 dev eth0`,
          `ip -n ${inside} link set lo up`,
          `ip -n ${inside} link set eth0 up`,
        ].join(' && '))
      }
      return network
    } catch (error) {
      await network.remove()
      throw error
    }
  }

  /** For scripts/cluster. */
  get option(): string {
    return `--network=${this.name}/${this.subnet}`
  }

  /** Nothing passes between the two any more, in either direction, and nobody is told. */
  async cut(one: Host, other: Host): Promise<void> {
    this.#cuts.add([one, other].sort().join(' '))
    await this.#neighbours(one, other, to => `replace ${to} lladdr ${NOWHERE} nud permanent`)
  }

  /** Cuts one off from all others. */
  async isolate(host: Host): Promise<void> {
    for (const other of this.#all()) if (other !== host) await this.cut(host, other)
  }

  /** Everything passes again. */
  async heal(): Promise<void> {
    for (const pair of this.#cuts) {
      const [one, other] = pair.split(' ').map((each): Host => each === 'client' ? each : Number(each))
      if (one !== undefined && other !== undefined) await this.#neighbours(one, other, to => `del ${to}`)
    }
    this.#cuts.clear()
  }

  async remove(): Promise<void> {
    for (let host = 0; host < this.#hosts; host++) await shell(`ip netns del ${this.name}-${String(host)} || true`)
    await shell(`ip link del ${this.name} || true`)
  }

  #all(): Host[] {
    return ['client', ...Array.from({ length: this.#hosts }, (_, host) => host)]
  }

  async #neighbours(one: Host, other: Host, what: (to: string) => string): Promise<void> {
    for (const [at, to] of [[one, other], [other, one]] as const) {
      const [where, device] = at === 'client' ? ['', this.name] : [`-n ${this.name}-${String(at)}`, 'eth0']
      await shell(`ip ${where} neigh ${what(this.#addressOf(to))} dev ${device}`)
    }
  }

  #addressOf(host: Host): string {
    return `${this.subnet}.${host === 'client' ? '1' : String(10 + host)}`
  }
}
