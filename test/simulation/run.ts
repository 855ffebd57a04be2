import assert from 'node:assert/strict'
import { superuser } from '../../src/protocol/attributes.ts'
import type { InodeId } from '../../src/protocol/identifiers.ts'
import { bytesOfText, type Name } from '../../src/protocol/names.ts'
import { silentLog, type Log } from '../../src/seams/log.ts'
import { ContendedFile } from './contended-file.ts'
import { checkContents, checkTails, converged, removeWhatIsLost } from './ending.ts'
import { watchGivenUp } from './given-up.ts'
import { SimulatedCluster, type ClientMachine } from './cluster.ts'
import { Faults, usualFaults, type FaultKind } from './faults.ts'
import { Journey } from './journey.ts'
import { Operator } from './operator.ts'
import { SharedLog } from './shared-log.ts'
import { TreeWorkload } from './tree-workload.ts'
import { Workload, type ClosedFiles } from './workload.ts'
import { World } from './world.ts'

export interface SimulationOptions {
  seed: number
  /** Operations on files of each client; names and the shared log get some of their own. */
  steps: number
  clients?: number
  servers?: number
  faults?: readonly FaultKind[]
  /** Several machines are hurt at once, and only what is promised then is checked. */
  overlapping?: boolean
  /** How long removed files are kept; by default every fifth seed has a trash. */
  trashMs?: number
  log?: Log
}

export interface SimulationResult {
  events: number
  virtualMs: number
  steps: number
  /** Files that came back from the trash. */
  restored: number
  faults: string[]
}

/** Short enough that files are brought back both in time and too late. */
const TRASH_MS = 8_000

/** Events that a run may take for each step of a client, faults and all. */
const EVENTS_PER_STEP = 20_000

/** Thrown by a run that failed. */
export class SimulationFailure extends assert.AssertionError {
  /** Of all clients together, that had ended when it failed. */
  readonly step: number
  /** What was found to be wrong, in a line. */
  readonly invariant: string

  constructor(message: string, { step, invariant }: { step: number, invariant: string }) {
    super({ message })
    this.step = step
    this.invariant = invariant
  }
}

/**
 * One cluster from one seed: first hurt, with random work going on and every answer checked; then healed, when everything must
 * come to rest: all replicas there and byte-identical, all contents and names as the model has them.
 * @throws SimulationFailure naming the seed, what was being done, and what had been broken
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const run = new Run(options)
  const strays: unknown[] = []
  const stray = (error: unknown): void => { strays.push(error) }
  process.on('unhandledRejection', stray)
  try {
    const result = await run.run()
    assert.deepEqual(strays, [], 'a rejection that nobody handled')
    return result
  } catch (error) {
    throw run.failure(error)
  } finally {
    process.off('unhandledRejection', stray)
    run.cluster.remove()
  }
}

class Run {
  readonly cluster: SimulatedCluster
  readonly #options: Required<Omit<SimulationOptions, 'log' | 'servers'>>
  readonly #world: World
  readonly #faults: Faults
  readonly #operator: Operator
  readonly #closed: ClosedFiles = new Map()
  readonly #files: Workload[] = []
  readonly #trees: TreeWorkload[] = []
  readonly #sharedLog = new SharedLog()
  /** In some runs only: it keeps its chunk from ever coming to rest. */
  readonly #contended: ContendedFile | undefined
  readonly #journeys: Journey[] = []
  readonly #eventsMax: number
  /** Rejects when something goes wrong outside of what the clients wait for. */
  readonly #trouble = Promise.withResolvers<never>()

  constructor({ servers = 4, log = silentLog, ...options }: SimulationOptions) {
    const { seed, steps, clients = 2, faults = usualFaults, overlapping = false } = options
    const { trashMs = seed % 5 === 2 ? TRASH_MS : 0 } = options
    this.#options = { seed, steps, clients, faults, overlapping, trashMs }
    this.#contended = seed % 5 === 3 && !overlapping ? new ContendedFile() : undefined
    this.#world = new World(seed)
    this.cluster = new SimulatedCluster(this.#world, {
      servers, trashMs, log: overlapping ? log : watchGivenUp(log, () => this.cluster, this.#trouble.reject),
      onFault: this.#trouble.reject,
    })
    this.#faults = new Faults(this.cluster, this.#world.random.fork(),
      { kinds: faults, mode: overlapping ? 'overlapping' : 'one at a time' })
    this.#operator = new Operator(this.cluster, { seed, isAllowed: !overlapping })
    this.#eventsMax = EVENTS_PER_STEP * steps * clients + 1_000_000
  }

  async run(): Promise<SimulationResult> {
    const { clients, steps, overlapping } = this.#options
    const { cluster } = this
    const world = this.#world
    await this.#finish('starting', cluster.start(clients))
    await this.#finish('preparing', this.#prepare())
    // 1. Hurt.
    const hurting = this.#faults.run()
    hurting.catch(this.#trouble.reject)
    const operating = this.#operator.run()
    operating.catch(this.#trouble.reject)
    await this.#finish('working under faults', this.#work(steps))
    this.#faults.stop()
    await this.#finish('ending the last fault', hurting)
    // 2. Healed.
    world.network.heal()
    this.#operator.stop()
    await this.#finish('ending what the operator began', operating)
    await this.#finish('checking everything', this.#check())
    if (overlapping) await this.#finish('removing what is lost', removeWhatIsLost(this.#anyone.client))
    await this.#finish('coming to rest', converged(cluster))
    await this.#finish('checking everything again', this.#check())
    if (!overlapping) await this.#finish('checking what all wrote', this.#checkShared())
    await this.#finish('making every file longer', checkTails(this.#anyone.client.fileSystem))
    await this.#finish('stopping', cluster.stop())
    const restored = this.#files.reduce((sum, workload) => sum + workload.restored, 0)
    return { events: world.steps, virtualMs: world.clock.nowMs(), faults: this.#faults.done, steps: this.#stepsDone, restored }
  }

  failure(error: unknown): SimulationFailure {
    const { seed } = this.#options
    const { steps: event, clock } = this.#world
    const step = this.#stepsDone
    const invariant = String(error).split('\n', 1)[0] ?? ''
    return new SimulationFailure([
      `seed ${String(seed)}, step ${String(step)}, event ${String(event)}, ${clock.nowMs().toFixed(0)} ms: ${String(error)}`,
      'clients were', ...this.#journeys.flatMap(({ latest }) => latest.map(each => `  ${each}`)),
      'faults were', ...this.#faults.done.slice(-30).map(each => `  ${each}`),
      'the operator did', ...this.#operator.done.slice(-10).map(each => `  ${each}`),
      error instanceof Error ? error.stack ?? '' : '',
    ].join('\n'), { step, invariant })
  }

  get #stepsDone(): number {
    return this.#files.reduce((sum, { operations }) => sum + operations, 0)
  }

  get #anyone(): ClientMachine {
    const [first] = this.cluster.clients
    assert(first !== undefined, 'there is a client')
    return first
  }

  #finish<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    return this.#world.finish(Promise.race([promise, this.#trouble.promise]), { stepsMax: this.#eventsMax, what })
  }

  async #prepare(): Promise<void> {
    await this.#sharedLog.make(this.#anyone.client.fileSystem)
    await this.#contended?.make(this.#anyone.client.fileSystem)
    for (const machine of this.cluster.clients) {
      this.#files.push(await this.#fileWorkload(machine))
      this.#trees.push(await this.#treeWorkload(machine))
    }
    this.cluster.onGuest(guest => {
      // It never ends: whoever works dies at it.
      this.#fileWorkload(guest).then(workload => workload.run(Infinity)).catch(this.#trouble.reject)
    })
  }

  async #work(steps: number): Promise<void> {
    const { overlapping } = this.#options
    await Promise.all([
      ...this.#files.map(workload => workload.run(steps)),
      ...this.#trees.map(workload => workload.run(Math.ceil(steps / 2))),
      ...overlapping ? [] : this.cluster.clients.flatMap(machine => [
        this.#sharedLog.append(this.#sharer(machine, 'log'), Math.ceil(steps / 4)),
        this.#contended?.write(this.#sharer(machine, 'contended'), Math.ceil(steps / 2)),
      ]),
    ])
  }

  #sharer({ host, client: { fileSystem } }: ClientMachine, what: string) {
    return {
      fileSystem, clock: this.#world.clock, random: this.#world.random.fork(), label: host,
      journey: this.#journey(`${host}, ${what}`),
    }
  }

  async #checkShared(): Promise<void> {
    await this.#sharedLog.check(this.#anyone.client.fileSystem)
    await this.#contended?.check(this.#anyone.client.fileSystem)
  }

  async #check(): Promise<void> {
    await Promise.all([...this.#files, ...this.#trees].map(workload => workload.checkAll()))
    await checkContents(this.#anyone.client.fileSystem, this.#closed)
  }

  async #fileWorkload({ host, client, clock }: ClientMachine): Promise<Workload> {
    const { fileSystem } = client
    const { trashMs, overlapping } = this.#options
    return new Workload({
      fileSystem, clock, random: this.#world.random.fork(), directory: await directoryOf(fileSystem, host), label: host,
      closed: this.#closed, journey: this.#journey(host),
      losses: overlapping ? () => this.cluster.powerCuts : undefined,
      trash: trashMs === 0 ? undefined : { trash: client.trash(), keepMs: trashMs },
    })
  }

  async #treeWorkload({ host, client: { fileSystem }, clock }: ClientMachine): Promise<TreeWorkload> {
    return new TreeWorkload({
      fileSystem, clock, random: this.#world.random.fork(), directory: await directoryOf(fileSystem, `${host}-tree`),
      journey: this.#journey(`${host}, tree`),
    })
  }

  #journey(label: string): Journey {
    const journey = new Journey(this.#world.clock, label)
    this.#journeys.push(journey)
    return journey
  }
}

async function directoryOf(fileSystem: ClientMachine['client']['fileSystem'], name: string): Promise<InodeId> {
  const { inode } = await fileSystem.make(fileSystem.root, bytesOfText(name) as Name, { type: 'directory', mode: 0o755 }, superuser)
  return inode
}
