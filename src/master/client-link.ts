import { asDfsError, isError } from '../protocol/errors.ts'
import type { SessionId } from '../protocol/identifiers.ts'
import type { Link } from '../protocol/link.ts'
import { clientApi } from '../protocol/master-api.ts'
import type { Changes } from './sessions/changes.ts'

/** How long a client may take to hear what others have changed, in ms. */
const TELLING_MS = 20_000

/** One connection that a client dialled. Once it has a session there it is told of what others change, before each answer. */
export class ClientLink {
  readonly #link: Link
  readonly #changes: Changes
  #session: SessionId | undefined
  /** Changes that it has been told of, or has made. */
  #told = 0
  /** Calls that it has made over this connection. */
  #calls = 0

  constructor(link: Link, changes: Changes) {
    this.#link = link
    this.#changes = changes
    link.onRequest(() => {
      this.#calls++
      this.#tell()
    })
  }

  /** From here on the client believes what it is told over this connection. */
  began(session: SessionId): void {
    this.#session = session
    this.#told = this.#changes.count
  }

  #tell(): void {
    if (this.#session === undefined || this.#told === this.#changes.count) return
    const untold = this.#changes.since(this.#told, this.#session)
    this.#told = this.#changes.count
    if (untold === undefined) return
    const taken = { ...untold, beforeCall: this.#calls }
    this.#link.call(clientApi.methods.changed, taken, { deadlineMs: TELLING_MS }).catch((error: unknown) => {
      // Whoever does not listen has no caches. Others must not go on with what they knew.
      if (isError(error, 'unknown-method')) this.#session = undefined
      else this.#link.close(`what others have changed could not be told: ${asDfsError(error).message}`)
    })
  }
}
