import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Connection } from '../seams/network.ts'
import type { Answer, Api, Given, Handlers, Method, Methods, ReplyOf, RequestOf } from './api.ts'
import { asDfsError, DfsError, errorCodeOf, errors } from './errors.ts'
import { recycle } from '../seams/payloads.ts'
import { checked } from './fits.ts'
import { limits } from './limits.ts'
import { Liveness } from './liveness.ts'
import { decodeMessage, encodeMessage, MessageKind, type Message } from './wire.ts'

export interface CallOptions {
  /** Bytes beside the request; they must not change until the call has settled. */
  payload?: readonly Uint8Array[]
  /** How long to wait for the answer. After that the outcome is unknown: the call rejects with 'deadline-passed'. */
  deadlineMs: number
}

interface Waiting {
  method: Method
  deadlineMs: number
  untilMs: number
  resolve(answer: Answer<unknown>): void
  reject(error: DfsError): void
}

interface Served {
  name: string
  method: Method
  run(request: unknown, payload: Buffer): Promise<Given<unknown>> | Given<unknown>
}

/** The number of a sign of life: whether one is wanted in return. */
const Alive = { tell: 0, ask: 1 } as const

/** Request bytes under way in handlers of one link, above which it stops reading. */
const SERVING_BYTES_HIGH = 32 * 1024 * 1024

/**
 * Calls over one connection, in both directions: either end may ask and either may answer.
 * Whatever does not fit the schemas closes it with a log line; a handler that fails answers with its error.
 */
export class Link {
  readonly remote: string
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #log: Log
  readonly #waiting = new Map<number, Waiting>()
  readonly #served = new Map<number, Served>()
  readonly #closeListeners: ((reason: string) => void)[] = []
  readonly #liveness: Liveness
  #heardMs: number
  #silent = false
  #onRequest = (): void => {}
  #nextCall = 1
  #callsSent = 0
  #serving = 0
  #servingBytes = 0
  #paused = false
  #closed: string | undefined
  /** One timer for all calls, set for the earliest deadline there was: hardly any call lasts that long. */
  #deadline: { timer: Timer, atMs: number } | undefined

  /** Takes the connection over; hello and welcome have been exchanged (see handshake.ts). */
  constructor(connection: Connection, { clock, log }: { clock: Clock, log: Log }) {
    this.#connection = connection
    this.#clock = clock
    this.#log = log
    this.remote = connection.remote
    this.#heardMs = clock.nowMs()
    this.#liveness = new Liveness({
      clock,
      isServing: () => this.#serving > 0,
      unsentBytes: () => connection.waitingBytes,
      sayAlive: () => { this.#sendAlive(Alive.tell) },
      onSilent: () => {
        this.#silent = true
        this.close('the other end has fallen silent')
      },
    })
    connection.onMessage = bytes => { this.#receive(bytes) }
    connection.onClose = reason => { this.#ended(reason) }
  }

  get closed(): boolean {
    return this.#closed !== undefined
  }

  /** Whether it was closed because the other end gave no sign of life. */
  get silent(): boolean {
    return this.#silent
  }

  /** When something last came from the other end. */
  get heardMs(): number {
    return this.#heardMs
  }

  /** Calls made from this end so far. The other end receives them in the same order. */
  get callsSent(): number {
    return this.#callsSent
  }

  /** Closes the link within some seconds if the other end gives no sign of life. */
  probe(): void {
    if (this.#closed !== undefined) return
    this.#liveness.inUse(true)
    this.#sendAlive(Alive.ask)
  }

  /** Calls `listener` once, when the link has closed; at once if it has. */
  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#closeListeners.push(listener)
    else listener(this.#closed)
  }

  /** Calls `listener` before each call of the other end is looked at: what it sends arrives before the answer. */
  onRequest(listener: () => void): void {
    this.#onRequest = listener
  }

  close(reason: string): void {
    this.#connection.close(reason)
    this.#ended(reason)
  }

  /** Answers the methods of an API with these handlers; `context` goes to each. */
  serve<M extends Methods, Context>(api: Api<M>, handlers: Handlers<M, Context>, context: Context): void {
    for (const [name, method] of Object.entries(api.methods)) {
      const handler = handlers[name]
      if (handler === undefined) throw new DfsError('internal', `${api.name}.${name} has no handler`)
      this.#served.set(method.number, {
        name: `${api.name}.${name}`,
        method,
        run: (request, payload) => handler(request as RequestOf<M[string]>, payload, context),
      })
    }
  }

  /**
   * @throws DfsError what the other end refused with, or 'unreachable' (never sent), 'outcome-unknown' (the link closed
   *   before the answer), 'deadline-passed', 'bad-message' (an answer that does not fit)
   */
  call<M extends Method>(method: M, request: RequestOf<M>, options: CallOptions): Promise<Answer<ReplyOf<M>>> {
    const writable = options.payload === undefined ? undefined : this.#connection.writable()
    return writable === undefined ? this.#callNow(method, request, options)
      : writable.then(() => this.#callNow(method, request, options))
  }

  #callNow<M extends Method>(method: M, request: RequestOf<M>, options: CallOptions): Promise<Answer<ReplyOf<M>>> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw new DfsError('unreachable', `${this.remote}: ${this.#closed}`)
      if (this.#waiting.size >= limits.callsInFlightMax) {
        throw new DfsError('busy', `${this.remote}: ${String(this.#waiting.size)} calls wait for an answer already`)
      }
      const call = this.#takeCallNumber()
      const { deadlineMs } = options
      const untilMs = this.#clock.nowMs() + deadlineMs
      this.#liveness.inUse(true)
      this.#callsSent++
      this.#waiting.set(call, { method, deadlineMs, untilMs, resolve: resolve as Waiting['resolve'], reject })
      this.#wakeAt(untilMs)
      this.#connection.send(encodeMessage(MessageKind.request, call, method.number, request, options.payload))
    })
  }

  #wakeAt(atMs: number): void {
    if (this.#deadline !== undefined && this.#deadline.atMs <= atMs) return
    this.#deadline?.timer.cancel()
    this.#deadline = { atMs, timer: this.#clock.after(atMs - this.#clock.nowMs(), () => { this.#giveUpLate() }) }
  }

  #giveUpLate(): void {
    this.#deadline = undefined
    const nowMs = this.#clock.nowMs()
    let next = Infinity
    for (const [call, waiting] of this.#waiting) {
      if (waiting.untilMs > nowMs) {
        next = Math.min(next, waiting.untilMs)
        continue
      }
      this.#waiting.delete(call)
      waiting.reject(new DfsError('deadline-passed',
        `${this.remote}: no answer to method ${String(waiting.method.number)} within ${String(waiting.deadlineMs)} ms`))
    }
    if (next < Infinity) this.#wakeAt(next)
  }

  #takeCallNumber(): number {
    do this.#nextCall = this.#nextCall === 0xffff_ffff ? 1 : this.#nextCall + 1
    while (this.#waiting.has(this.#nextCall))
    return this.#nextCall
  }

  #receive(bytes: Buffer): void {
    if (this.#closed !== undefined) return
    this.#heardMs = this.#clock.nowMs()
    try {
      const message = decodeMessage(bytes)
      switch (message.kind) {
        case MessageKind.request: this.#request(message); return
        case MessageKind.reply: this.#reply(message); return
        case MessageKind.failure: this.#failure(message); return
        case MessageKind.alive: if (message.number === Alive.ask) this.#sendAlive(Alive.tell); return
        default: throw new DfsError('bad-message', 'a second handshake')
      }
    } catch (error) {
      const { code, message } = asDfsError(error)
      this.#log.warn({ remote: this.remote, code }, `closing the connection: ${message}`)
      this.close(message)
    } finally {
      this.#liveness.heard(this.#waiting.size > 0)
    }
  }

  #sendAlive(number: number): void {
    this.#connection.send(encodeMessage(MessageKind.alive, 0, number, null))
  }

  #request({ call, number, header, payload }: Message): void {
    this.#onRequest()
    const served = this.#served.get(number)
    if (served === undefined) {
      this.#answerFailure(call, new DfsError('unknown-method', `method ${String(number)} is not served here`))
      return
    }
    const parsed = checked(served.method.request, header)
    if (!parsed.success) {
      const error = new DfsError('bad-message', `${served.name}: ${parsed.error.message}`)
      // Told before the connection closes, or the caller would send the same again over the next one.
      this.#answerFailure(call, error)
      throw error
    }
    if (payload.length > 0 && served.method.payload !== 'request' && served.method.payload !== 'both') {
      throw new DfsError('bad-message', `${served.name} takes no payload`)
    }
    if (this.#serving >= limits.callsInFlightMax) {
      this.#answerFailure(call, new DfsError('busy', 'too many calls of this connection are being served'))
      return
    }
    void this.#answer(call, served, parsed.data, payload)
  }

  async #answer(call: number, served: Served, request: unknown, payload: Buffer): Promise<void> {
    this.#serving++
    this.#liveness.inUse(false)
    this.#account(payload.length)
    try {
      const given = await served.run(request, payload)
      if (given.payload !== undefined) await this.#connection.writable()
      this.#connection.send(
        encodeMessage(MessageKind.reply, call, served.method.number, given.reply, given.payload),
        given.spent === true ? () => { given.payload?.forEach(recycle) } : undefined)
    } catch (error) {
      const failure = asDfsError(error)
      if (failure.code === 'internal') this.#log.error({ error, method: served.name }, `${served.name} failed`)
      this.#answerFailure(call, failure)
    } finally {
      this.#serving--
      this.#account(-payload.length)
    }
  }

  #account(bytes: number): void {
    this.#servingBytes += bytes
    if (!this.#paused && this.#servingBytes > SERVING_BYTES_HIGH) {
      this.#paused = true
      this.#connection.pauseReading()
    } else if (this.#paused && this.#servingBytes < SERVING_BYTES_HIGH / 2) {
      this.#paused = false
      this.#connection.resumeReading()
    }
  }

  #answerFailure(call: number, error: DfsError): void {
    this.#connection.send(
      encodeMessage(MessageKind.failure, call, errors[error.code].number, { message: error.message.slice(0, 1_000) }))
  }

  #reply({ call, header, payload }: Message): void {
    const waiting = this.#take(call)
    if (waiting === undefined) return
    const parsed = checked(waiting.method.reply, header)
    if (!parsed.success) {
      waiting.reject(new DfsError('bad-message', `${this.remote}: ${parsed.error.message}`))
      throw new DfsError('bad-message', parsed.error.message)
    }
    waiting.resolve({ reply: parsed.data, payload })
  }

  #failure({ call, number, header }: Message): void {
    const waiting = this.#take(call)
    if (waiting === undefined) return
    const said = typeof header === 'object' && header !== null && 'message' in header ? String(header.message) : ''
    waiting.reject(new DfsError(errorCodeOf(number), said))
  }

  /** The call that waits under this number; none when it has given up, which is no fault of the answerer. */
  #take(call: number): Waiting | undefined {
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    return waiting
  }

  #ended(reason: string): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    this.#liveness.stop()
    this.#deadline?.timer.cancel()
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new DfsError('outcome-unknown', `${this.remote}: ${reason}`))
    }
    this.#waiting.clear()
    for (const listener of this.#closeListeners) listener(reason)
  }
}
