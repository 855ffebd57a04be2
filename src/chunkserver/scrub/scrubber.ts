import type { ScrubStatus } from '../../protocol/chunkserver-api.ts'
import { asDfsError, isError } from '../../protocol/errors.ts'
import type { ChunkId } from '../../protocol/identifiers.ts'
import { pause, type Clock } from '../../seams/clock.ts'
import type { Disk } from '../../seams/disk.ts'
import type { Log } from '../../seams/log.ts'
import type { ReplicaStore } from '../store/store.ts'
import { loadProgress, noProgress, saveProgress, type Progress } from './progress.ts'

export interface ScrubConfig {
  /** Within this time every replica is read once, in ms; 0: only when an operator asks. */
  periodMs: number
  /** Never faster than this, in bytes per second, even if a pass then takes longer than the period. */
  bytesPerS: number
}

export const defaultScrub: ScrubConfig = { periodMs: 7 * 24 * 60 * 60 * 1_000, bytesPerS: 32 * 1024 * 1024 }

/** How often progress is noted on the disk, in ms. */
const NOTE_MS = 60_000
/** While clients are served a piece waits, looking this often, and for so long at the most: busy servers rot as well. */
const YIELD_MS = 20
const YIELD_MS_MAX = 1_000
/** Longest sleep, in ms: a clock that is set must not keep us asleep for ever, and timers cannot be set for months. */
const PAUSE_MS_MAX = 60 * 60 * 1_000

export interface ScrubParts {
  disk: Disk
  clock: Clock
  log: Log
  store: ReplicaStore
  /** Calls being served. */
  load(): number
}

/**
 * Reads all replicas again and again, in the order of their ids, to find what has rotted before the last good replica of
 * some chunk has. What it finds becomes corrupt in the store, which tells the master.
 */
export class Scrubber {
  readonly #parts: ScrubParts
  readonly #config: ScrubConfig
  readonly #stopping = new AbortController()
  #progress: Progress
  /** Ends waiting: a new pass was ordered, or we stop. */
  #wake = new AbortController()
  /** Bytes of replicas that have not had their turn in the pass. */
  #leftBytes = 0
  #notedMs: number
  #running: Promise<void> = Promise.resolve()

  constructor(parts: ScrubParts, config: ScrubConfig) {
    this.#parts = parts
    this.#config = config
    this.#progress = loadProgress(parts.disk)
    this.#notedMs = parts.clock.nowMs()
  }

  /** Goes on where the last process of this folder stopped. */
  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    await this.#running
    this.#note()
  }

  /** Begins a pass at once, from the first replica. @param bytesPerS in place of the configured ceiling */
  order(bytesPerS: number = this.#config.bytesPerS): void {
    this.#begin({ ordered: { bytesPerS } })
    this.#wake.abort()
  }

  get status(): ScrubStatus {
    const { startedMs, checked, checkedBytes, skipped, errors, last, ordered } = this.#progress
    const { periodMs, bytesPerS } = this.#config
    return {
      state: startedMs !== undefined ? 'running' : periodMs === 0 ? 'off' : 'waiting',
      periodMs, bytesPerS: ordered?.bytesPerS ?? bytesPerS, checked, checkedBytes, skipped, errors,
      leftBytes: startedMs === undefined ? 0 : this.#leftBytes,
      ...(startedMs === undefined ? {} : { startedMs }), ...(last === undefined ? {} : { last }),
    }
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts
    while (!this.#isStopping()) {
      this.#wake = new AbortController()
      try {
        if (this.#progress.startedMs === undefined && this.#dueInMs() <= 0) this.#begin({})
        if (this.#progress.startedMs !== undefined) await this.#pass(this.#wake.signal)
        else await pause(clock, Math.min(this.#dueInMs(), PAUSE_MS_MAX), this.#wake.signal)
      } catch (error) {
        log.error({ error }, 'scrubbing failed and will be tried again')
        await pause(clock, NOTE_MS, this.#stopping.signal)
      }
    }
  }

  #dueInMs(): number {
    const { periodMs } = this.#config
    const { last } = this.#progress
    if (periodMs === 0) return PAUSE_MS_MAX
    return last === undefined ? 0 : last.startedMs + periodMs - this.#wallMs()
  }

  #begin({ ordered }: { ordered?: { bytesPerS: number } }): void {
    const { last } = this.#progress
    this.#progress = {
      ...noProgress, startedMs: this.#wallMs(),
      ...(last === undefined ? {} : { last }), ...(ordered === undefined ? {} : { ordered }),
    }
    this.#note()
  }

  /** From where the pass has come to its end, unless a new one is ordered meanwhile. */
  async #pass(signal: AbortSignal): Promise<void> {
    const { store, log } = this.#parts
    const mine = this.#progress
    // Numbers, 8 bytes each: there may be millions. What comes later was checked when it was written.
    const chunks = Float64Array.from(store.chunks()).filter(chunk => chunk >= mine.nextChunk).sort()
    this.#leftBytes = chunks.reduce((sum, chunk) => sum + (store.get(chunk as ChunkId)?.lengthBytes ?? 0), 0)
    for (const chunk of chunks) {
      await this.#check(chunk as ChunkId, mine, signal)
      if (signal.aborted) return
      mine.nextChunk = chunk + 1
      if (this.#parts.clock.nowMs() - this.#notedMs >= NOTE_MS) this.#note()
    }
    const { startedMs = 0, checked, checkedBytes, skipped, errors } = mine
    this.#progress = { ...noProgress, last: { startedMs, endedMs: this.#wallMs(), checked, checkedBytes, skipped, errors } }
    this.#note()
    log.info({ checked, checkedBytes, skipped, errors }, 'all replicas have been scrubbed')
  }

  async #check(chunk: ChunkId, mine: Progress, signal: AbortSignal): Promise<void> {
    const { store, log } = this.#parts
    const replica = store.get(chunk)
    const lengthBytes = replica?.lengthBytes ?? 0
    if (replica === undefined || replica.state === 'corrupt') return
    // A writer has it open, or had until a moment ago: its turn comes in the next pass.
    if (!replica.isClean) {
      mine.skipped++
      this.#leftBytes = Math.max(0, this.#leftBytes - lengthBytes)
      return
    }
    try {
      // However small replicas are, others have their turn between two of them.
      await this.#pace(0, mine, signal)
      await replica.verify(bytes => this.#pace(bytes, mine, signal))
      mine.checked++
    } catch (error) {
      if (signal.aborted || isError(error, 'no-such-replica')) return
      mine.errors++
      const { code, message } = asDfsError(error)
      log.error({ chunk, version: replica.version, code }, `scrubbing has found a bad replica: ${message}`)
    }
  }

  /** Waits until the next piece may be read. @throws when the pass has been given up */
  async #pace(bytes: number, mine: Progress, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    for (let leftMs = bytes / this.#bytesPerMs(mine); leftMs >= 0 && !signal.aborted; leftMs -= PAUSE_MS_MAX) {
      await pause(clock, Math.min(leftMs, PAUSE_MS_MAX), signal)
    }
    for (let waitedMs = 0; this.#parts.load() > 0 && waitedMs < YIELD_MS_MAX; waitedMs += YIELD_MS) {
      await pause(clock, YIELD_MS, signal)
    }
    signal.throwIfAborted()
    mine.checkedBytes += bytes
    this.#leftBytes = Math.max(0, this.#leftBytes - bytes)
  }

  /** As slow as the period allows. */
  #bytesPerMs({ ordered, startedMs = 0 }: Progress): number {
    const { periodMs, bytesPerS } = this.#config
    if (ordered !== undefined) return ordered.bytesPerS / 1_000
    const leftMs = startedMs + periodMs - this.#wallMs()
    return leftMs <= 0 ? bytesPerS / 1_000 : Math.min(bytesPerS / 1_000, Math.max(1, this.#leftBytes) / leftMs)
  }

  #note(): void {
    this.#notedMs = this.#parts.clock.nowMs()
    saveProgress(this.#parts, this.#progress)
  }

  #wallMs(): number {
    return Number(this.#parts.clock.wallNs() / 1_000_000n)
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }
}
