import { asDfsError, DfsError } from '../../protocol/errors.ts'
import { dialLink } from '../../protocol/handshake.ts'
import type { ClusterId } from '../../protocol/identifiers.ts'
import type { Link } from '../../protocol/link.ts'
import { pause, type Timer } from '../../seams/clock.ts'
import type { Outside } from '../outside.ts'

/** How long one master may take to accept a connection, in ms. */
const DIAL_MS = 3_000

/** Pauses between rounds of dialling grow from the first to the second, in ms; chance takes up to half of each. */
const PAUSE_MS = { first: 20, longest: 2_000 } as const

interface Waiter {
  timer: Timer
  resolve(link: Link): void
  reject(error: DfsError): void
}

/**
 * A link to the first master that answers. When it is lost another is dialled, for ever; those who need one wait.
 * `greet` is called with every new link before anybody else gets it: it takes the session up again.
 */
export class MasterConnection {
  readonly #outside: Outside
  readonly #masters: readonly string[]
  readonly #greet: (link: Link) => Promise<void>
  readonly #waiters = new Set<Waiter>()
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #current: Link | undefined
  #cluster: ClusterId | undefined
  #lastError = new DfsError('unreachable', 'no master has been asked yet')

  constructor(outside: Outside, parts: { masters: readonly string[], greet: (link: Link) => Promise<void> }) {
    this.#outside = outside
    this.#masters = parts.masters
    this.#greet = parts.greet
    this.#running = this.#keepConnected()
  }

  /** The cluster of the first master that answered; no other will do afterwards. */
  get cluster(): ClusterId | undefined {
    return this.#cluster
  }

  /** The link there is now. */
  get current(): Link | undefined {
    return this.#current?.closed === false ? this.#current : undefined
  }

  /** The link there is, or the next one. @throws DfsError 'unreachable' none until `untilMs` */
  link(untilMs: number): Promise<Link> {
    const current = this.current
    if (current !== undefined) return Promise.resolve(current)
    if (this.#isStopping()) return Promise.reject(new DfsError('unreachable', 'the client has been closed'))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        timer: this.#outside.clock.after(Math.max(0, untilMs - this.#outside.clock.nowMs()), () => {
          this.#waiters.delete(waiter)
          reject(new DfsError('unreachable', `no master answers: ${this.#lastError.message}`))
        }),
        resolve,
        reject,
      }
      this.#waiters.add(waiter)
    })
  }

  /** Hangs up for good. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#current?.close('the client is closing')
    this.#release(waiter => { waiter.reject(new DfsError('unreachable', 'the client has been closed')) })
    await this.#running
  }

  async #keepConnected(): Promise<void> {
    const { clock, random, log } = this.#outside
    const stopping = this.#closing.signal
    for (let pauseMs: number = PAUSE_MS.first; !this.#isStopping();) {
      const link = await this.#dialAny()
      if (link === undefined) {
        await pause(clock, pauseMs * (1 - random.fraction() / 2), stopping)
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)
        continue
      }
      pauseMs = PAUSE_MS.first
      this.#current = link
      if (this.#isStopping()) link.close('the client is closing')
      this.#release(waiter => { waiter.resolve(link) })
      const reason = await new Promise<string>(resolve => { link.onClose(resolve) })
      this.#current = undefined
      if (this.#isStopping()) return
      log.warn({ master: link.remote, reason }, 'lost the connection to the master')
      // All clients of a master that went away would otherwise dial the next one in the same moment.
      await pause(clock, pauseMs * random.fraction(), stopping)
    }
  }

  #isStopping(): boolean {
    return this.#closing.signal.aborted
  }

  async #dialAny(): Promise<Link | undefined> {
    const firstTime = this.#cluster === undefined
    let hopeless = this.#masters.length > 0
    for (const master of this.#masters) {
      if (this.#isStopping()) return undefined
      try {
        return await this.#dial(master)
      } catch (error) {
        this.#lastError = asDfsError(error)
        hopeless &&= this.#lastError.recovery === 'give up the connection' || this.#lastError.code === 'invalid'
        this.#outside.log.debug({ master, code: this.#lastError.code }, this.#lastError.message)
      }
    }
    // Whoever starts with the address of something that is no master of ours should not wait to hear of it.
    if (hopeless && firstTime) this.#release(waiter => { waiter.reject(this.#lastError) })
    return undefined
  }

  async #dial(master: string): Promise<Link> {
    const { link, cluster } = await dialLink(this.#outside.network, master,
      { role: 'client', lane: 'control', expect: 'master', cluster: this.#cluster, timeoutMs: DIAL_MS }, this.#outside)
    try {
      await this.#greet(link)
    } catch (error) {
      link.close('the session could not be taken up')
      throw error
    }
    this.#cluster ??= cluster
    return link
  }

  #release(end: (waiter: Waiter) => void): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) {
      waiter.timer.cancel()
      end(waiter)
    }
  }
}
