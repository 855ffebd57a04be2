import { asDfsError, DfsError } from '../protocol/errors.ts'
import { ROOT_INODE, type ChunkId, type ChunkVersion, type InodeId } from '../protocol/identifiers.ts'
import type { Stamp } from '../protocol/master-api.ts'
import type { Clock } from '../seams/clock.ts'
import type { Disk } from '../seams/disk.ts'
import type { Log } from '../seams/log.ts'
import { apply, expired, rememberedOutcome, run, stampOf, type Outcome } from './apply.ts'
import type { Effects, Entry, EntryKind, EntryReply, EntryRequest } from './entries.ts'
import { FileJournal } from './journal/file-journal.ts'
import type { Journal } from './journal/journal.ts'
import { decodeEntry, encodeEntry } from './journal/entry.ts'
import { Leader } from './leader.ts'
import { Changes } from './sessions/changes.ts'
import { Sessions } from './sessions/sessions.ts'
import { MasterState } from './state/index.ts'
import { StateFiles, type Copying } from './state/state-files.ts'

export interface CoreConfig {
  /** Size of the chunks of files made from now on. */
  chunkSizeBytes: number
  /** A session whose client has been silent for this long ends. */
  sessionTimeoutMs: number
  /** How long removed files can be brought back; 0: not at all. */
  trashMs: number
}

export interface CoreOptions {
  disk: Disk
  clock: Clock
  log: Log
  /** A folder of the real file system for LMDB's files; the disk's own root in production. Made if missing. */
  lmdbPath: string
  config: CoreConfig
  /** A checkpoint is made after so much journal. */
  checkpointBytes?: number
  copying?: Copying
}

const CHECKPOINT_BYTES = 64 * 1024 * 1024
/** Entries that one write and one sync make durable: applying them takes some ms, in which nobody is served. */
const BATCH_MAX = 256

/** What callers try in order to see whether it can be done. Of all else kernels know before whether it can. */
const OFTEN_REFUSED: ReadonlySet<EntryKind> = new Set<EntryKind>(['removeDirectory', 'setXattr', 'removeXattr'])

interface Waiting {
  readonly entry: Entry
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: DfsError) => void
}

/**
 * The master's state machine. A mutation is journalled with all others that came while the journal was busy; when they
 * are durable they are applied, and only then anyone hears of them or can read what they did.
 */
export class MasterCore {
  /** What has been applied, all of it durable. */
  readonly state: MasterState
  /** Client sessions and what they have open. */
  readonly sessions: Sessions
  /** What clients must be told of. */
  readonly changes = new Changes()
  readonly #files: StateFiles
  readonly #journal: Journal
  readonly #leader: Leader
  readonly #log: Log
  readonly #clock: Clock
  readonly #checkpointBytes: number
  readonly #freedListeners: ((chunks: readonly ChunkId[]) => void)[] = []
  readonly #fatalListeners: ((error: Error) => void)[] = []
  readonly #queue: Waiting[] = []
  /** Mutations on their way, so that a repeat waits for the same outcome. */
  readonly #inFlight = new Map<string, Promise<Outcome>>()
  /** What is to be collected with the next batch. */
  readonly #unheld = new Set<InodeId>()
  /** What is about to be collected, and how often. */
  readonly #collecting = new Map<InodeId, number>()
  #working: Promise<void> | undefined
  #checkpointing: Promise<void> | undefined
  /** Why nothing can be changed any more. */
  #over: DfsError | undefined
  #abandoned = false
  #checkpointMs: number | undefined
  #mayPlace: () => boolean = () => false

  private constructor(
    { clock, log, config, checkpointBytes }: CoreOptions,
    { files, state, journal }: { files: StateFiles, state: MasterState, journal: Journal },
  ) {
    this.#files = files
    this.#journal = journal
    this.#log = log
    this.#clock = clock
    this.#checkpointBytes = checkpointBytes ?? CHECKPOINT_BYTES
    this.state = state
    state.tell(this.changes)
    this.#leader = new Leader({
      state, clock, chunkSizeBytes: config.chunkSizeBytes, trashMs: config.trashMs,
      reserve: async upTo => { await this.submit('reserveVersions', { upTo }) },
    })
    this.sessions = new Sessions({
      state, clock, timeoutMs: config.sessionTimeoutMs,
      journal: {
        start: async host => (await this.submit('startSession', { host })).session,
        end: async session => { await this.submit('endSession', { session }) },
        collect: inodes => { this.#collect(inodes) },
      },
    })
  }

  /**
   * Recovers the state, ready to serve.
   * @throws DfsError 'journal-failed' the journal is damaged in its middle: says where
   */
  static async open(options: CoreOptions): Promise<MasterCore> {
    const { disk, log, lmdbPath, copying = 'background' } = options
    const files = await StateFiles.open({ disk, folder: lmdbPath, copying, log })
    try {
      const state = new MasterState(files.store)
      let replayed = 0
      const journal = await FileJournal.open(disk, {
        from: state.appliedIndex + 1,
        visit: (firstIndex, entries) => {
          for (const [position, entry] of entries.entries()) {
            const index = firstIndex + position
            if (index <= state.appliedIndex) continue
            state.advance(index, () => { apply(state, decodeEntry(entry), noEffects()) })
            replayed++
          }
        },
      })
      log.info({ replayed, inodes: state.inodeCount, chunks: state.chunkCount }, 'the state is recovered')
      const core = new MasterCore(options, { files, state, journal })
      if (state.inode(ROOT_INODE) === undefined) await core.submit('makeRoot', {})
      const trimmed = state.trimmed()
      if (trimmed.length > 0) core.#trim(trimmed)
      return core
    } catch (error) {
      await files.store.close()
      throw error
    }
  }

  /**
   * Journals and applies one mutation; a repeat of one (same session and sequence) gets the first one's answer.
   * @throws DfsError what the mutation was refused with; 'session-expired', 'journal-failed', 'shutting-down'
   */
  async submit<Kind extends EntryKind>(kind: Kind, request: EntryRequest<Kind>): Promise<EntryReply<Kind>> {
    if (kind === 'allocateChunk' || kind === 'create') await this.#leader.versionsReady()
    if (this.#over !== undefined) throw this.#over
    const stamp = stampOf({ kind, request })
    const outcome = await (stamp === undefined ? this.#once(kind, request) : this.#stamped(kind, request, stamp))
    if (!outcome.ok) throw new DfsError(outcome.code, outcome.message)
    return outcome.reply as EntryReply<Kind>
  }

  /**
   * Whether a chunk that was made with the file may be about to go, since a moment ago nobody had the file open: whoever
   * opens it now must not be told of that chunk.
   */
  isCollecting(inode: InodeId): boolean {
    return this.#collecting.has(inode)
  }

  /** Has what nobody holds any more removed, with other changes or, where none come, because of this. */
  collect(): void {
    if (this.#unheld.size === 0) return
    const inodes = [...this.#unheld]
    this.#unheld.clear()
    this.#collectNow(inodes)
  }

  /** A version no chunk has had. */
  async takeVersion(): Promise<ChunkVersion> {
    await this.#leader.versionsReady()
    return this.#leader.nextVersion()
  }

  /** @param mayPlace whether there are servers for new chunks: then files that are created to be written get their first one */
  makeChunksWhile(mayPlace: () => boolean): void {
    this.#mayPlace = mayPlace
  }

  /** Called, after their removal is durable, with chunks that are no longer part of any file. */
  onFreed(listener: (chunks: readonly ChunkId[]) => void): void {
    this.#freedListeners.push(listener)
  }

  /** Called once when the journal has failed: this master can change nothing any more and should end. */
  onFatal(listener: (error: Error) => void): void {
    this.#fatalListeners.push(listener)
  }

  /** Bytes of journal written since the last checkpoint began. */
  get journalBytes(): number {
    return this.#journal.bytesSinceRoll
  }

  /** The last checkpoint: entries up to `index` are in it. The age, in ms, of one that this process made. */
  get checkpoint(): { index: number, ageMs?: number } {
    const index = this.#files.checkpointIndex
    return this.#checkpointMs === undefined ? { index } : { index, ageMs: Math.round(this.#clock.nowMs() - this.#checkpointMs) }
  }

  /** Finishes what is under way, refuses the rest, and leaves the state marked as cleanly stopped. */
  async close(): Promise<void> {
    if (this.#over !== undefined) {
      await this.abandon()
      return
    }
    this.#over = new DfsError('shutting-down', 'the master is stopping')
    while (this.#working !== undefined) await this.#working
    await this.#checkpointing
    await this.#journal.close()
    this.state.flush()
    await this.#files.closeCleanly()
  }

  /** Lets go of everything at once, as death would: the next start recovers. */
  async abandon(): Promise<void> {
    this.#abandoned = true
    this.#over ??= new DfsError('shutting-down', 'the master is gone')
    for (const { reject } of this.#queue.splice(0)) reject(this.#over)
    await this.#files.store.close()
  }

  #stamped<Kind extends EntryKind>(kind: Kind, request: EntryRequest<Kind>, stamp: Stamp): Promise<Outcome> | Outcome {
    const { session, sequence, oldestWaiting } = stamp
    if (!this.state.hasSession(session)) return expired(stamp)
    this.sessions.keepAlive(session)
    this.sessions.answered(session, oldestWaiting)
    const before = rememberedOutcome(this.state, stamp)
    if (before !== undefined) {
      this.#countOpen(kind, stamp, before)
      return before
    }
    const key = `${String(session)}:${String(sequence)}`
    const running = this.#inFlight.get(key)
    if (running !== undefined) return running
    const outcome = this.#once(kind, request)
    if (!(outcome instanceof Promise)) return outcome
    this.#inFlight.set(key, outcome)
    const end = (): void => { this.#inFlight.delete(key) }
    outcome.then(end, end)
    return outcome
  }

  #once<Kind extends EntryKind>(kind: Kind, request: EntryRequest<Kind>): Promise<Outcome> | Outcome {
    const withChunk = kind === 'create' && (request as EntryRequest<'create'>).write && this.#mayPlace()
    const entry: Entry<Kind> = { kind, request, decided: this.#leader.decide(kind, { withChunk }) }
    // With nothing on its way, what would be refused now can be refused without asking the journal.
    if (OFTEN_REFUSED.has(kind) && this.#queue.length === 0 && this.#working === undefined) {
      const refusal = this.state.wouldRefuse(() => { run(this.state, entry, noEffects()) })
      if (refusal !== undefined) return { ok: false, code: refusal.code, message: refusal.message }
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  async #work(): Promise<void> {
    // Whatever else arrives in this turn shares the first write.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      this.collect()
      const batch = this.#queue.splice(0, BATCH_MAX)
      try {
        // 1. Durable first: an entry applied before could be read by someone and then vanish in a power cut.
        await this.#journal.append(batch.map(({ entry }) => encodeEntry(entry)))
        if (this.#abandoned) throw new DfsError('outcome-unknown', 'the master is gone')
        // 2. Then applied, and answered.
        this.#applyAndAnswer(batch)
        // 3. At a good moment between batches, a checkpoint.
        if (this.#journal.bytesSinceRoll >= this.#checkpointBytes && this.#checkpointing === undefined) {
          const index = this.#journal.nextIndex - 1
          await this.#journal.roll()
          this.state.flush()
          this.#checkpointing = this.#checkpoint(index)
        }
      } catch (error) {
        this.#fail(asDfsError(error), batch)
        break
      }
    }
    this.#working = undefined
  }

  #applyAndAnswer(batch: readonly Waiting[]): void {
    const effects = noEffects()
    const first = this.#journal.nextIndex - batch.length
    const outcomes = batch.map(({ entry }, position) => {
      this.changes.author = stampOf(entry)?.session
      return this.state.advance(first + position, () => apply(this.state, entry, effects))
    })
    for (const [position, { entry, resolve }] of batch.entries()) {
      const outcome = outcomes[position]
      if (outcome === undefined) throw new Error('each entry has an outcome')
      const stamp = stampOf(entry)
      if (stamp !== undefined) this.#countOpen(entry.kind, stamp, outcome)
      resolve(outcome)
    }
    if (effects.freed.length > 0) {
      for (const listener of this.#freedListeners) listener(effects.freed)
    }
    const unheld = effects.orphaned.filter(inode => !this.sessions.mayHold(inode))
    if (unheld.length > 0) this.#collect(unheld)
    if (effects.trimmed.length > 0) this.#trim(effects.trimmed)
  }

  /** A `create` opens too: whoever gets its answer has the file open. */
  #countOpen(kind: EntryKind, { session, sequence }: Stamp, outcome: Outcome): void {
    if (kind !== 'create' || !outcome.ok) return
    this.sessions.created(session, sequence, (outcome.reply as EntryReply<'create'>).inode)
  }

  /** With the next batch: who removes many files waits for the journal once for each, and not twice. */
  #collect(inodes: readonly InodeId[]): void {
    const more = inodes.filter(inode => !this.#unheld.has(inode))
    this.#countCollecting(more, 1)
    for (const inode of more) this.#unheld.add(inode)
  }

  #collectNow(inodes: readonly InodeId[]): void {
    this.submit('collect', { inodes: [...inodes] }).then(
      ({ unfinished }) => {
        this.#countCollecting(inodes.filter(inode => !unfinished.includes(inode)), -1)
        if (unfinished.length > 0) this.#collectNow(unfinished)
      },
      (error: unknown) => {
        this.#countCollecting(inodes, -1)
        // The orphans stay on record, and go after the next start.
        this.#log.debug({ error }, 'orphans could not be collected')
      },
    )
  }

  #countCollecting(inodes: readonly InodeId[], change: 1 | -1): void {
    for (const inode of inodes) {
      const count = (this.#collecting.get(inode) ?? 0) + change
      if (count > 0) this.#collecting.set(inode, count)
      else this.#collecting.delete(inode)
    }
  }

  #trim(inodes: readonly InodeId[]): void {
    this.submit('trim', { inodes: [...inodes] }).then(
      ({ unfinished }) => { if (unfinished.length > 0) this.#trim(unfinished) },
      (error: unknown) => { this.#log.debug({ error }, 'what cuts have left could not be removed') },
    )
  }

  async #checkpoint(index: number): Promise<void> {
    try {
      await this.#files.checkpoint(index)
      await this.#journal.forgetBefore(index + 1)
      this.#checkpointMs = this.#clock.nowMs()
      this.#log.info({ index }, 'a checkpoint is made')
    } catch (error) {
      // The journal still has everything: the next one will do.
      this.#log.error({ error }, 'a checkpoint failed')
    } finally {
      this.#checkpointing = undefined
    }
  }

  #fail(error: DfsError, batch: readonly Waiting[]): void {
    const isDeliberate = this.#over !== undefined
    this.#over ??= error
    for (const { reject } of [...batch, ...this.#queue.splice(0)]) reject(error)
    if (isDeliberate) return
    this.#log.error({ error }, 'the master can change nothing any more')
    for (const listener of this.#fatalListeners) listener(error)
  }
}

const noEffects = (): Effects => ({ freed: [], orphaned: [], trimmed: [] })
