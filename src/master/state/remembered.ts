import type { SessionId } from '../../protocol/identifiers.ts'
import { idIn, pairKey, secondIdIn, Table, tableKey } from './keys.ts'
import { encodeNumbers, numberOf, numbersOf } from './numbers.ts'
import type { Store } from './store.ts'

/** More results than this of one session are not kept: a client must not have more mutations waiting. */
export const REMEMBERED_MAX = 1_024

interface Of {
  sequences: Set<number>
  /** Sequences below this one have been answered, and may come only as late duplicates. */
  floor: number
}

/** Each session's latest results, so that a repeated mutation gets the first one's answer. */
export class Remembered {
  readonly #store: Store
  readonly #sessions = new Map<SessionId, Of>()

  constructor(store: Store) {
    this.#store = store
    for (const { key, value } of store.entries({ start: tableKey(Table.result), end: tableBehind(Table.result) })) {
      const of = this.#of(idIn(key) as SessionId)
      of.sequences.add(secondIdIn(key))
      of.floor = Math.max(of.floor, numberOf(value))
    }
  }

  get(session: SessionId, sequence: number): Buffer | undefined {
    if (this.#sessions.get(session)?.sequences.has(sequence) !== true) return undefined
    const bytes = this.#store.get(pairKey(Table.result, session, sequence))
    if (bytes === undefined) return undefined
    const floor = numbersOf(bytes)
    floor.next()
    return bytes.subarray(floor.at)
  }

  /** Whether the client has had the answer, so that this can only be a duplicate which took its time. */
  isOutdated(session: SessionId, sequence: number): boolean {
    return sequence < (this.#sessions.get(session)?.floor ?? 0)
  }

  put({ session, sequence, oldestWaiting }: { session: SessionId, sequence: number, oldestWaiting: number }, result: Buffer): void {
    const of = this.#of(session)
    const floor = Math.max(of.floor, Math.min(oldestWaiting, sequence))
    this.#store.put(pairKey(Table.result, session, sequence), Buffer.concat([encodeNumbers(floor), result]))
    of.sequences.add(sequence)
    if (floor > of.floor) {
      of.floor = floor
      for (const answered of of.sequences) {
        if (answered < floor) this.#remove(session, of, answered)
      }
    }
    if (of.sequences.size > REMEMBERED_MAX) this.#remove(session, of, Math.min(...of.sequences))
  }

  forgetSession(session: SessionId): void {
    const of = this.#sessions.get(session)
    if (of === undefined) return
    for (const sequence of [...of.sequences]) this.#remove(session, of, sequence)
    this.#sessions.delete(session)
  }

  #remove(session: SessionId, of: Of, sequence: number): void {
    this.#store.remove(pairKey(Table.result, session, sequence))
    of.sequences.delete(sequence)
  }

  #of(session: SessionId): Of {
    let of = this.#sessions.get(session)
    if (of === undefined) {
      of = { sequences: new Set(), floor: 0 }
      this.#sessions.set(session, of)
    }
    return of
  }
}

function tableBehind(table: Table): Buffer {
  return Buffer.from([table + 1])
}
