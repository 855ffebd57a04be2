import { Writable } from 'node:stream'
import type { Test } from 'tap'
import type { Machine } from '../../src/cli/context.ts'
import { runDfs } from '../../src/cli/program.ts'
import { Client } from '../../src/client/index.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { DfsError } from '../../src/protocol/errors.ts'
import { silentLog } from '../../src/seams/log.ts'
import { SimulatedCluster } from '../simulation/cluster.ts'
import { World } from '../simulation/world.ts'

class Sink extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

export interface Ran { code: number, stdout: string, stderr: string }

function machine(parts: Partial<Machine>): { machine: Machine, ended: (code: number) => Ran } {
  const stdout = new Sink()
  const stderr = new Sink()
  return {
    machine: {
      stdout, stderr, watched: false, confirm: undefined, folder: '/', masterVariable: undefined, caller: superuser, umask: 0o022,
      mountInfo: () => '', connect: () => Promise.reject(new DfsError('unreachable', 'no master answers: refused')), ...parts,
    },
    ended: code => ({ code, stdout: stdout.text, stderr: stderr.text }),
  }
}

/** Runs a command where there is no cluster. */
export async function alone(args: string[], parts: Partial<Machine> = {}): Promise<Ran> {
  const { machine: here, ended } = machine(parts)
  return ended(await runDfs(args, here))
}

/** Runs commands against a cluster of three chunkservers. */
export async function cluster(t: Test): Promise<(...args: string[]) => Promise<Ran>> {
  const dfs = await clusterFor(t, { trashMs: 0 })
  return (...args) => dfs(args)
}

/** Commands, and what they are run against. */
export async function clusterToTouch(
  t: Test, { trashMs = 0 } = {},
): Promise<{ dfs: (...args: string[]) => Promise<Ran>, simulated: SimulatedCluster, pass: (ms: number) => Promise<void> }> {
  const { dfs, simulated, pass } = await begin(t, { trashMs })
  return { dfs: (...args) => dfs(args), simulated, pass }
}

/** The same, each command on a machine and on behalf of a user of its own. */
export async function clusterFor(
  t: Test, { trashMs }: { trashMs: number },
): Promise<(args: string[], parts?: Partial<Machine>) => Promise<Ran>> {
  return (await begin(t, { trashMs })).dfs
}

async function begin(
  t: Test, { trashMs }: { trashMs: number },
): Promise<{
  dfs: (args: string[], parts?: Partial<Machine>) => Promise<Ran>, simulated: SimulatedCluster, pass: (ms: number) => Promise<void>,
}> {
  const world = new World(1)
  const simulated = new SimulatedCluster(world, { servers: 3, log: silentLog, onFault: () => {}, trashMs })
  t.teardown(() => { simulated.remove() })
  const finish = <Value>(promise: Promise<Value>): Promise<Value> =>
    world.finish(promise, { stepsMax: 2_000_000, what: 'the command' })
  await finish(simulated.start(0))
  const dfs = async (args: string[], parts: Partial<Machine> = {}): Promise<Ran> => {
    const { machine: here, ended } = machine({
      masterVariable: 'master:9400',
      connect: masters => Client.start(
        { clock: world.clock, network: world.network.forHost('cli'), random: world.random.fork(), log: silentLog },
        { masters, host: 'cli' }),
      ...parts,
    })
    return ended(await finish(runDfs(args, here)))
  }
  const pass = (ms: number): Promise<void> => finish(new Promise<void>(resolve => { world.clock.after(ms, resolve) }))
  return { dfs, simulated, pass }
}
