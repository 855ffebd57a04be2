import assert from 'node:assert/strict'
import { superuser } from '../../src/protocol/attributes.ts'
import { bytesOfText, type Name } from '../../src/protocol/names.ts'
import { silentLog, type Log } from '../../src/seams/log.ts'
import { SimulatedCluster } from './cluster.ts'
import { faultKinds, Faults, type FaultKind } from './faults.ts'
import { Workload, type ClosedFiles } from './workload.ts'
import { World } from './world.ts'

export interface SimulationOptions {
  seed: number
  /** Of each client. */
  operations: number
  clients?: number
  servers?: number
  faults?: readonly FaultKind[]
  log?: Log
}

export interface SimulationResult {
  steps: number
  virtualMs: number
  operations: number
  faults: string[]
}

/** Events that a run may take for each operation of a client, faults and all. */
const STEPS_PER_OPERATION = 20_000

/**
 * One cluster from one seed: first hurt, with random work going on and every answer checked; then healed, when everything must
 * come to rest: all replicas there and byte-identical, all contents and names as the model has them.
 * @throws AssertionError naming the seed, what was being done, and what had been broken
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, operations, clients = 2, servers = 4, faults: kinds = faultKinds, log = silentLog } = options
  const world = new World(seed)
  const cluster = new SimulatedCluster(world, { servers, log })
  const faults = new Faults(cluster, world.random.fork(), kinds)
  const workloads: Workload[] = []
  try {
    await world.finish(cluster.start(clients), { stepsMax: 100_000, what: 'starting' })
    const closed: ClosedFiles = new Map()
    for (const { host, client } of cluster.clients) {
      const making = client.fileSystem.make(client.fileSystem.root, bytesOfText(host) as Name, { type: 'directory', mode: 0o755 }, superuser)
      const { inode } = await world.finish(making, { stepsMax: 10_000, what: 'making a directory' })
      workloads.push(new Workload({
        fileSystem: client.fileSystem, clock: world.clock, random: world.random.fork(), directory: inode, label: host, closed,
      }))
    }
    // 1. Hurt.
    const stepsMax = STEPS_PER_OPERATION * operations * clients + 1_000_000
    const hurting = kinds.length === 0 ? Promise.resolve() : faults.run()
    await world.finish(Promise.all(workloads.map(workload => workload.run(operations))), { stepsMax, what: 'working under faults' })
    faults.stop()
    await world.finish(hurting, { stepsMax, what: 'ending the last fault' })
    // 2. Healed.
    world.network.heal()
    await world.finish(Promise.all(workloads.map(workload => workload.checkAll())), { stepsMax, what: 'checking all files' })
    await world.finish(converged(cluster), { stepsMax, what: 'coming to rest' })
    checkReplicas(cluster)
    await world.finish(Promise.all(workloads.map(workload => workload.checkAll())), { stepsMax, what: 'checking all files again' })
    await world.finish(cluster.stop(), { stepsMax: 1_000_000, what: 'stopping' })
    return {
      steps: world.steps, virtualMs: world.clock.nowMs(), faults: faults.done,
      operations: workloads.reduce((sum, workload) => sum + workload.operations, 0),
    }
  } catch (error) {
    const doing = workloads.flatMap(workload => workload.latest.map(each => `  ${each}`))
    throw new assert.AssertionError({
      message: [
        `seed ${String(seed)}, event ${String(world.steps)}, ${world.clock.nowMs().toFixed(0)} ms: ${String(error)}`,
        'clients were', ...doing, 'faults were', ...faults.done.slice(-30).map(each => `  ${each}`),
        error instanceof Error ? error.stack ?? '' : '',
      ].join('\n'),
    })
  } finally {
    cluster.remove()
  }
}

/** After the last fault, the time in which everything must be whole again: dead servers noticed, leases run out, copies made. */
const HEALING_MS_MAX = 60_000

/** Resolves when the master has nothing left to repair, and the disks agree. */
async function converged(cluster: SimulatedCluster): Promise<void> {
  const [first] = cluster.clients
  if (first === undefined) return
  const { clock } = cluster.world
  const deadlineMs = clock.nowMs() + HEALING_MS_MAX
  for (let quiet = 0; quiet < 3 && clock.nowMs() < deadlineMs;) {
    await new Promise<void>(resolve => { clock.after(1_000, resolve) })
    const { chunks, underReplicated, missing, repairsRunning, garbage } = await first.client.admin.status()
    const onDisk = [...cluster.replicas().values()]
    const whole = onDisk.length === chunks && onDisk.every(replicas => replicas.size === 3)
    quiet = whole && underReplicated + missing + repairsRunning + garbage === 0 ? quiet + 1 : 0
  }
}

/** All replicas of a chunk are the same, and there are as many as there should be. */
function checkReplicas(cluster: SimulatedCluster): void {
  for (const [chunk, replicas] of cluster.replicas()) {
    assert.equal(replicas.size, 3, `chunk ${chunk} has replicas on ${[...replicas.keys()].join(', ')}`)
    const [first, ...others] = [...replicas]
    for (const [host, bytes] of others) {
      assert(first !== undefined && bytes.equals(first[1]), `chunk ${chunk} differs between ${String(first?.[0])} and ${host}`)
    }
  }
}
