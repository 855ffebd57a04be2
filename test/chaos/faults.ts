import { run, shell, type Cluster } from '../cluster/harness.ts'
import type { Outages } from './outages.ts'
import type { Host, Network } from '../cluster/network.ts'

/** Something that can be broken, and mended again. */
export interface Fault {
  kind: string
  what: string
  begin(): Promise<unknown>
  end(): Promise<unknown>
}

export const faultKinds = ['kill', 'stop', 'cut', 'full', 'disk', 'master', 'mount'] as const
export type FaultKind = (typeof faultKinds)[number]

/** Draws one of these. */
export type Draw = <Value>(from: readonly Value[]) => Value

const serverName = (number: number): string => `chunkserver-${String(number)}`

/** A fault of this kind, its victim drawn by chance. */
export function drawFault(
  kind: FaultKind, { cluster, network, chunkservers, outages, draw }:
  { cluster: Cluster, network: Network | undefined, chunkservers: number, outages: Outages, draw: Draw },
): Fault {
  const numbers = Array.from({ length: chunkservers }, (_, index) => index + 1)
  const victim = serverName(draw(numbers))
  const disk = cluster.disk(victim)
  switch (kind) {
    case 'kill': return { kind, what: victim, begin: () => cluster.kill(victim), end: () => cluster.start() }
    case 'stop': return stop(cluster, victim)
    case 'master': return draw([true, false]) ? stop(cluster, 'master')
      : { kind, what: 'kill -9', begin: () => cluster.kill('master'), end: () => cluster.start() }
    case 'mount': return {
      kind, what: 'kill -9',
      begin: () => {
        outages.begin()
        return cluster.kill('mount')
      },
      end: async () => {
        await cluster.start()
        outages.end()
      },
    }
    case 'full': return {
      kind, what: victim,
      begin: () => run('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=64k']), end: () => shell(`rm -f ${disk}/filler`),
    }
    case 'disk': return {
      kind, what: victim,
      begin: () => cluster.breakDisk(victim), end: () => cluster.mendDisk(victim),
    }
    case 'cut': {
      if (network === undefined) return stop(cluster, victim)
      const hosts: Host[] = ['client', 0, ...numbers]
      const one = draw(hosts)
      const alone = draw([true, false, false])
      const other = draw(hosts.filter(host => host !== one))
      return {
        kind, what: alone ? `${String(one)} from all` : `${String(one)} from ${String(other)}`,
        begin: () => alone ? network.isolate(one) : network.cut(one, other), end: () => network.heal(),
      }
    }
  }
}

function stop(cluster: Cluster, name: string): Fault {
  const signal = async (which: NodeJS.Signals): Promise<void> => { cluster.signal(name, which) }
  return { kind: 'stop', what: name, begin: () => signal('SIGSTOP'), end: () => signal('SIGCONT') }
}
