import { DfsError } from '../../protocol/errors.ts'
import type { InodeId, SessionId } from '../../protocol/identifiers.ts'
import type { Clock } from '../../seams/clock.ts'
import type { MasterState } from '../state/index.ts'

export interface Opened {
  inode: InodeId
  count: number
}

/** What sessions ask of the core. */
export interface SessionJournal {
  start(host: string): Promise<SessionId>
  end(session: SessionId): Promise<void>
  /** Removes orphans, and first chunks without bytes, which nobody holds. */
  collect(inodes: readonly InodeId[]): void
}

interface Session {
  host: string
  heardMs: number
  open: Map<InodeId, number>
  /** Sequences of `create`s whose opens are in `open`. */
  counted: Set<number>
  /** False from a start of the master until the client has said what it has open. */
  declared: boolean
}

/** Who is there, and what they have open. Only that a session exists is journalled. */
export class Sessions {
  readonly #state: MasterState
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #journal: SessionJournal
  readonly #sessions = new Map<SessionId, Session>()
  /** How often each inode is open, over all sessions. */
  readonly #held = new Map<InodeId, number>()
  /** Sessions that may hold what they have not declared yet. */
  #undeclared = 0
  #lastPassMs: number

  constructor(
    { state, clock, timeoutMs, journal }: { state: MasterState, clock: Clock, timeoutMs: number, journal: SessionJournal },
  ) {
    this.#state = state
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#journal = journal
    this.#lastPassMs = clock.nowMs()
    for (const session of state.sessions()) this.#add(session, { host: '', declared: false })
    this.#sweep()
  }

  /** Starts a session. */
  async start(host: string): Promise<SessionId> {
    const session = await this.#journal.start(host)
    this.#add(session, { host, declared: true })
    return session
  }

  /** Takes up a session after a lost connection; `open` replaces what it was thought to hold. @throws 'session-expired' */
  resume(session: SessionId, host: string, open: readonly Opened[]): void {
    const found = this.#known(session)
    const before = [...found.open.keys()]
    for (const [inode, count] of found.open) this.#count(found, inode, -count)
    for (const { inode, count } of open) {
      if (count > 0 && this.#state.inode(inode) !== undefined) this.#count(found, inode, count)
    }
    found.counted.clear()
    found.host = host
    this.#collectUnheld(before)
    if (!found.declared) {
      found.declared = true
      this.#undeclared--
      this.#sweep()
    }
  }

  /** Notes that the client is alive. @throws 'session-expired' */
  keepAlive(session: SessionId): void {
    this.#known(session)
  }

  /** The client has left: what only it had open goes. */
  async end(session: SessionId): Promise<void> {
    const found = this.#sessions.get(session)
    if (found === undefined) return
    await this.#journal.end(session)
    if (!this.#sessions.delete(session)) return
    const before = [...found.open.keys()]
    for (const [inode, count] of found.open) this.#count(found, inode, -count)
    if (!found.declared) this.#undeclared--
    if (found.declared) this.#collectUnheld(before)
    else this.#sweep()
  }

  /** Counts one open; permission was checked before, see namespace/read.ts. @throws 'session-expired', 'stale-handle' */
  open(session: SessionId, inode: InodeId): void {
    const found = this.#known(session)
    const record = this.#state.inode(inode)
    // An orphan may be on its way out already, unless somebody has it open.
    if (record === undefined || (record.links === 0 && !this.#held.has(inode))) {
      throw new DfsError('stale-handle', `inode ${String(inode)} is gone`)
    }
    this.#count(found, inode, 1)
  }

  /** Counts the open that is part of a `create`, once however often that is answered. */
  created(session: SessionId, sequence: number, inode: InodeId): void {
    const found = this.#sessions.get(session)
    if (found === undefined || found.counted.has(sequence) || this.#state.inode(inode) === undefined) return
    found.counted.add(sequence)
    this.#count(found, inode, 1)
  }

  /** The client has the answers to all below: it will not repeat them. */
  answered(session: SessionId, below: number): void {
    const counted = this.#sessions.get(session)?.counted
    if (counted === undefined) return
    for (const sequence of counted) {
      if (sequence < below) counted.delete(sequence)
    }
  }

  close(session: SessionId, handles: readonly Opened[]): void {
    const found = this.#known(session)
    for (const { inode, count } of handles) {
      this.#count(found, inode, -Math.min(count, found.open.get(inode) ?? 0))
    }
    this.#collectUnheld(handles.map(({ inode }) => inode))
  }

  /** Whether anybody has the inode open, or may have. */
  mayHold(inode: InodeId): boolean {
    return this.#undeclared > 0 || this.#held.has(inode)
  }

  /** Where the session's client runs; '' when it has not said so since the master started. */
  hostOf(session: SessionId): string {
    return this.#sessions.get(session)?.host ?? ''
  }

  /** One pass: ends the sessions that have been silent for too long, and with them what only they had open. */
  async expire(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    // When it was the master that slept, what clients said meanwhile is still waiting to be read.
    const slept = nowMs - this.#lastPassMs > this.#timeoutMs / 2
    this.#lastPassMs = nowMs
    if (slept) {
      for (const session of this.#sessions.values()) session.heardMs = Math.max(session.heardMs, nowMs - this.#timeoutMs / 2)
    }
    const oldestMs = nowMs - this.#timeoutMs
    const silent = [...this.#sessions].filter(([, { heardMs }]) => heardMs < oldestMs)
    await Promise.all(silent.map(([session]) => this.end(session)))
  }

  #add(session: SessionId, { host, declared }: { host: string, declared: boolean }): void {
    this.#sessions.set(session, { host, heardMs: this.#clock.nowMs(), open: new Map(), counted: new Set(), declared })
    if (!declared) this.#undeclared++
  }

  #known(session: SessionId): Session {
    const found = this.#sessions.get(session)
    if (found === undefined) throw new DfsError('session-expired', `session ${String(session)} is not known here`)
    found.heardMs = this.#clock.nowMs()
    return found
  }

  #count(session: Session, inode: InodeId, change: number): void {
    add(session.open, inode, change)
    add(this.#held, inode, change)
  }

  #collectUnheld(inodes: readonly InodeId[]): void {
    if (this.#undeclared > 0) return
    const unheld = inodes.filter(inode => !this.#held.has(inode)
      && (this.#state.isUnwritten(inode) || this.#state.isOrphan(inode)))
    if (unheld.length > 0) this.#journal.collect(unheld)
  }

  /** When nobody is left who might hold something unsaid: what has no holders goes, orphans and chunks made for nothing. */
  #sweep(): void {
    if (this.#undeclared > 0) return
    this.#collectUnheld([...this.#state.orphans(), ...this.#state.unwritten()])
  }
}

function add(counts: Map<InodeId, number>, inode: InodeId, change: number): void {
  const count = (counts.get(inode) ?? 0) + change
  if (count > 0) counts.set(inode, count)
  else counts.delete(inode)
}
