import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, isRunning, logTail, startDaemon } from '../clusters/processes.ts'
import { processorMs } from './processor.ts'
import type { ProcessIdentity } from '../clusters/state.ts'
import { dialLink } from '../../src/protocol/handshake.ts'
import { masterApi, type ClusterStatus } from '../../src/protocol/master-api.ts'
import { limits } from '../../src/protocol/limits.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import { webSockets } from '../../src/seams/websockets.ts'

const bin = join(import.meta.dirname, '../../bin/dfs-master')
const network = webSockets({ messageBytesMax: limits.messageBytesMax })
const START_MS_MAX = 300_000
/** While nobody listens, dialling fails at once; a busy machine may take its time. */
const ANSWER_MS_MAX = 60_000
const POLL_MS = 5

export interface Memory {
  /** What the process has made itself. */
  ownBytes: number
  /** Pages of files in memory: of the state, which the kernel may take back at any time. */
  fileBytes: number
}

/** A real master process on a folder, started and killed as often as is wanted. */
export class MeasuredMaster {
  readonly address: string
  readonly #data: string
  readonly #log: string
  #process: ProcessIdentity | undefined

  constructor({ data, log, port }: { data: string, log: string, port: number }) {
    this.#data = data
    this.#log = log
    this.address = `127.0.0.1:${String(port)}`
  }

  /** @returns how long it took until a client was answered, in ms */
  async start(): Promise<number> {
    const startedMs = performance.now()
    const { process: identity, logStart } = startDaemon(bin, [
      '--data', this.#data, '--listen', this.address, '--log-level', 'warn', '--trash-time', '0', '--min-free', '0',
    ], this.#log)
    this.#process = identity
    while (await this.#answer() === undefined) {
      if (!isRunning(identity)) throw new Error(`the master does not start:\n${logTail(this.#log, logStart)}`)
      if (performance.now() - startedMs > START_MS_MAX) throw new Error('the master does not answer')
      await sleep(POLL_MS)
    }
    return performance.now() - startedMs
  }

  /** Ends it as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#process !== undefined && isRunning(this.#process)) process.kill(this.#process.pid, 'SIGKILL')
    await eventually(() => !isRunning(this.#process), 10_000)
  }

  /** Stops it as an operator would. */
  async stop(): Promise<void> {
    if (this.#process !== undefined && isRunning(this.#process)) process.kill(this.#process.pid, 'SIGTERM')
    await eventually(() => !isRunning(this.#process), 60_000)
  }

  async status(): Promise<ClusterStatus> {
    const status = await this.#answer()
    if (status === undefined) throw new Error('the master does not answer')
    return status
  }

  memory(): Memory {
    const status = readFileSync(`/proc/${String(this.#process?.pid)}/status`, 'utf8')
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1_024
    return { ownBytes: field('RssAnon'), fileBytes: field('RssFile') }
  }

  /** Time on processors that the process has had, in ms: that part of a start which does not depend on who else is at work. */
  processorMs(): number {
    return processorMs(this.pid)
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Bytes on disk. */
  disk(): { stateBytes: number, checkpointBytes: number, journalBytes: number } {
    const state = join(this.#data, 'state')
    return {
      stateBytes: sizeOf(join(state, 'state.mdb')),
      checkpointBytes: sum(state, name => name.startsWith('checkpoint-') && name.endsWith('.mdb')),
      journalBytes: sum(join(this.#data, 'journal'), () => true),
    }
  }

  /** Its status, over a connection of its own; undefined while nobody answers. */
  async #answer(): Promise<ClusterStatus | undefined> {
    try {
      const { link } = await dialLink(network, this.address,
        { role: 'client', lane: 'control', expect: 'master', timeoutMs: ANSWER_MS_MAX }, { clock: systemClock, log: silentLog })
      const { reply } = await link.call(masterApi.methods.status, {}, { deadlineMs: ANSWER_MS_MAX })
      link.close('seen')
      return reply
    } catch {
      return undefined
    }
  }
}

const sizeOf = (file: string): number => statSync(file).blocks * 512

function sum(folder: string, isMeant: (name: string) => boolean): number {
  return readdirSync(folder).filter(isMeant).reduce((bytes, name) => bytes + sizeOf(join(folder, name)), 0)
}
