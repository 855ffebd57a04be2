import type { SessionId } from '../../protocol/identifiers.ts'
import type { Stamp } from '../../protocol/master-api.ts'

/** The master remembers 1,024 outcomes of a session; no more mutations than this may lie between oldest and newest. */
const SPREAD_MAX = 1_000

/** Numbers the mutations of one session, so that each happens once however often it is sent. */
export class Stamps {
  readonly session: SessionId
  /** In rising order, since numbers are added in rising order. */
  readonly #waiting = new Set<number>()
  #next = 1
  #wakers: (() => void)[] = []

  constructor(session: SessionId) {
    this.session = session
  }

  /** A new number; waits while too many older ones have no answer. */
  async take(): Promise<number> {
    while (this.#next - this.#oldest() >= SPREAD_MAX) {
      await new Promise<void>(resolve => { this.#wakers.push(resolve) })
    }
    const sequence = this.#next++
    this.#waiting.add(sequence)
    return sequence
  }

  /** What goes with the mutation, each time it is sent. */
  stamp(sequence: number): Stamp {
    return { session: this.session, sequence, oldestWaiting: this.#oldest() }
  }

  /** The mutation's answer is here, or nobody waits for it any more. */
  done(sequence: number): void {
    this.#waiting.delete(sequence)
    for (const wake of this.#wakers.splice(0)) wake()
  }

  #oldest(): number {
    for (const sequence of this.#waiting) return sequence
    return this.#next
  }
}
