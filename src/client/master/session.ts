import type { Method, ReplyOf, RequestOf } from '../../protocol/api.ts'
import { asDfsError, DfsError, isError } from '../../protocol/errors.ts'
import type { ClusterId, InodeId, SessionId } from '../../protocol/identifiers.ts'
import type { Link } from '../../protocol/link.ts'
import { clientApi, masterApi, type Stamp, type Taken } from '../../protocol/master-api.ts'
import { repeat, type Repeated } from '../../seams/background.ts'
import { pause } from '../../seams/clock.ts'
import { Freshness } from '../metadata/freshness.ts'
import type { Outside } from '../outside.ts'
import { MasterConnection } from './connection.ts'
import { OpenCounts } from './open-counts.ts'
import { Stamps } from './stamps.ts'

const { startSession, keepAlive, endSession, create, open, close } = masterApi.methods

/** A master that has not answered for this long is taken for gone: the link is dropped and the call sent again, in ms. */
const ATTEMPT_MS = 20_000
const GREETING_MS = 10_000
const GOODBYE_MS = 2_000
/** Pause before a master that could not do it is asked again, in ms, with up to as much again by chance. */
const BUSY_MS = 20

export interface SessionOptions {
  masters: readonly string[]
  /** The machine we run on. */
  host: string
  /** How long a call is tried again before its caller is told, in ms. */
  patienceMs: number
  /** How long the first master may be waited for, in ms. */
  connectMs: number
}

/** A mutation that is harmless when it happens twice may be sent again under a new session. */
type Twice = 'harmless' | 'wrong'

/**
 * The client as the master knows it: calls that survive lost connections and restarted masters, mutations that happen once,
 * and the count of what is open. A session that expired is replaced; what was open in it is stale: see {@link epoch}.
 */
export class MasterSession {
  /** How fresh what the master has said still is. */
  readonly freshness: Freshness
  readonly #outside: Outside
  readonly #options: SessionOptions
  readonly #connection: MasterConnection
  readonly #opens = new OpenCounts()
  #stamps: Stamps | undefined
  #epoch = 0
  #keepAliveMs = 0
  #cacheMs = 0
  #keepingAlive: Repeated | undefined
  #onTaken: (taken: Taken) => void = () => {}

  private constructor(outside: Outside, options: SessionOptions) {
    this.freshness = new Freshness(outside.clock)
    this.#outside = outside
    this.#options = options
    this.#connection = new MasterConnection(outside, {
      masters: options.masters,
      greet: link => this.#greet(link),
    })
  }

  /** @throws DfsError 'unreachable', and what a handshake refuses with */
  static async start(outside: Outside, options: SessionOptions): Promise<MasterSession> {
    const session = new MasterSession(outside, options)
    try {
      await session.#connection.link(outside.clock.nowMs() + options.connectMs)
    } catch (error) {
      await session.#connection.close()
      throw error
    }
    session.#keepingAlive = repeat(
      { clock: outside.clock, log: outside.log, everyMs: session.#keepAliveMs, name: 'keep-alive' },
      () => session.#keepAlive())
    return session
  }

  get cluster(): ClusterId {
    const cluster = this.#connection.cluster
    if (cluster === undefined) throw new DfsError('unreachable', 'no master has answered yet')
    return cluster
  }

  /** How old what is cached may get, in ms. */
  get cacheMs(): number {
    return this.#cacheMs
  }

  /** Counts sessions: what was opened under a lower number than this is no longer known to the master. */
  get epoch(): number {
    return this.#epoch
  }

  /** Calls `listener` with what others have changed, before any answer that was given after that. */
  onTaken(listener: (taken: Taken) => void): void {
    this.#onTaken = listener
  }

  /** Asks; repeats until there is an answer. */
  ask<M extends Method>(method: M, request: RequestOf<M>): Promise<ReplyOf<M>> {
    return this.#persist(async (link, deadlineMs) => (await link.call(method, request, { deadlineMs })).reply)
  }

  /** Asks what only a session may ask. */
  askInSession<M extends Method>(method: M, request: Omit<RequestOf<M>, 'session'>): Promise<ReplyOf<M>> {
    return this.#persist(async (link, deadlineMs) => {
      const { session } = this.#current()
      const whole = { ...request, session } as unknown as RequestOf<M>
      return (await link.call(method, whole, { deadlineMs })).reply
    })
  }

  /** Changes something, once; repeats until the outcome is known. @throws DfsError also 'outcome-unknown' */
  async mutate<M extends Method>(
    method: M, request: Omit<RequestOf<M>, 'stamp'>, twice: Twice = 'wrong',
  ): Promise<ReplyOf<M>> {
    let stamps = this.#current()
    let sequence = await stamps.take()
    /** An attempt may have happened without our knowing. */
    let uncertain = false
    try {
      return await this.#persist(async (link, deadlineMs) => {
        if (stamps !== this.#stamps) {
          // The session that would recognise a repetition is gone.
          if (uncertain && twice === 'wrong') {
            throw new DfsError('internal', 'the session expired before the outcome of a change was known')
          }
          stamps.done(sequence)
          stamps = this.#current()
          sequence = await stamps.take()
        }
        const stamped: { stamp: Stamp } = { ...request, stamp: stamps.stamp(sequence) }
        try {
          return (await link.call(method, stamped as unknown as RequestOf<M>, { deadlineMs })).reply
        } catch (error) {
          if (isError(error, 'outcome-unknown', 'deadline-passed')) uncertain = true
          throw error
        }
      })
    } finally {
      stamps.done(sequence)
    }
  }

  /** Opens an inode; to be given back with {@link release}. */
  async open(request: Omit<RequestOf<typeof open>, 'session'>): Promise<ReplyOf<typeof open>> {
    return this.#persist(async (link, deadlineMs) => {
      const { session } = this.#current()
      const { reply } = await link.call(open, { ...request, session }, { deadlineMs })
      this.#opens.add(reply.inode)
      return reply
    })
  }

  /** Makes and opens a file; to be given back with {@link release}. */
  async create(request: Omit<RequestOf<typeof create>, 'stamp'>): Promise<ReplyOf<typeof create>> {
    const reply = await this.mutate(create, request)
    this.#opens.add(reply.inode)
    return reply
  }

  /** Gives an open back, in time. @param epoch under which it was opened */
  release(inode: InodeId, epoch: number): void {
    if (epoch !== this.#epoch || !this.#opens.remove(inode)) return
    if (this.#opens.releasedCount === 1) this.#outside.clock.after(this.#opens.delayMs, () => { this.sendReleases() })
    if (this.#opens.releasedCount >= this.#opens.batchMax) this.sendReleases()
  }

  /** Sends the releases that wait: before a name goes away, so that the master need not keep the inode for us. */
  sendReleases(): void {
    const link = this.#connection.current
    const stamps = this.#stamps
    // Without a link there is nothing to do: the next one begins with what is open.
    if (link === undefined || stamps === undefined || this.#opens.releasedCount === 0) return
    const handles = this.#opens.takeReleased()
    link.call(close, { session: stamps.session, handles }, { deadlineMs: ATTEMPT_MS }).catch((error: unknown) => {
      if (isError(error, 'unreachable', 'outcome-unknown')) return
      if (isError(error, 'session-expired', 'deadline-passed')) link.close('what was closed could not be told')
      else this.#outside.log.warn({ error }, 'the master would not take back what was closed')
    })
  }

  /** Says goodbye, so that the master need not wait for the session to expire. */
  async close(): Promise<void> {
    await this.#keepingAlive?.stop()
    const link = this.#connection.current
    if (link !== undefined && this.#stamps !== undefined) {
      await link.call(endSession, { session: this.#stamps.session }, { deadlineMs: GOODBYE_MS }).catch(() => {})
    }
    await this.#connection.close()
  }

  /** Runs over whatever link there is until it works, is refused, or patience ends. */
  async #persist<Value>(run: (link: Link, deadlineMs: number) => Promise<Value>): Promise<Value> {
    const { clock, random } = this.#outside
    const untilMs = clock.nowMs() + this.#options.patienceMs
    for (;;) {
      const link = await this.#connection.link(untilMs)
      const beganMs = clock.nowMs()
      const sight = this.freshness.sight()
      const deadlineMs = Math.max(1, Math.min(ATTEMPT_MS, untilMs - beganMs))
      try {
        const value = await run(link, deadlineMs)
        this.freshness.answered(sight)
        return value
      } catch (error) {
        const failure = asDfsError(error)
        // A new link finds out what became of the session, and declares what is open.
        if (failure.code === 'session-expired') link.close('the session has expired')
        const silent = failure.code === 'deadline-passed' && clock.nowMs() - beganMs >= deadlineMs
        if (silent) link.close('no answer in time')
        const again = failure.recovery === 'repeat the same request' || failure.code === 'session-expired'
        if (!again || clock.nowMs() >= untilMs) throw failure
        // Whoever still talks to us has said that it cannot do it now.
        if (!link.closed) await pause(clock, BUSY_MS * (1 + random.fraction()))
      }
    }
  }

  #current(): Stamps {
    if (this.#stamps === undefined) throw new DfsError('unreachable', 'there is no session yet')
    return this.#stamps
  }

  async #greet(link: Link): Promise<void> {
    const { host } = this.#options
    const old = this.#stamps?.session
    try {
      await this.#startSession(link, { host, open: this.#opens.all(), ...(old === undefined ? {} : { resume: old }) })
      // What was closed since is still counted there.
      this.#outside.clock.after(this.#opens.delayMs, () => { this.sendReleases() })
    } catch (error) {
      if (!isError(error, 'session-expired')) throw error
      this.#outside.log.warn({ session: old }, 'the session has expired: files that were open must be opened again')
      this.#opens.clear()
      await this.#startSession(link, { host, open: [] })
    }
  }

  async #startSession(link: Link, request: RequestOf<typeof startSession>): Promise<void> {
    this.freshness.reconnected(link)
    link.serve(clientApi, {
      changed: taken => {
        this.#onTaken(taken)
        return { reply: {} }
      },
    }, undefined)
    const { reply } = await link.call(startSession, request, { deadlineMs: GREETING_MS })
    this.#keepAliveMs = reply.keepAliveMs
    this.#cacheMs = reply.cacheMs
    if (reply.session === this.#stamps?.session) return
    this.#stamps = new Stamps(reply.session)
    this.#epoch++
  }

  async #keepAlive(): Promise<void> {
    const link = this.#connection.current
    const session: SessionId | undefined = this.#stamps?.session
    if (link === undefined || session === undefined) return
    try {
      await link.call(keepAlive, { session }, { deadlineMs: GREETING_MS })
    } catch (error) {
      if (!isError(error, 'busy', 'shutting-down')) link.close(`keeping the session alive: ${asDfsError(error).message}`)
    }
  }
}
