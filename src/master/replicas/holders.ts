import assert from 'node:assert/strict'
import type { ServerId } from '../../protocol/identifiers.ts'
import { Column, uint32 } from './column.ts'

/** A holder's number takes 16 bits. */
const HOLDERS_MAX = 2 ** 16 - 1

/** Small, since there may be thousands of servers. */
const LIST_SEGMENT = 512

/** A server that has, or had, replicas: the numbers of their places, in no order. */
export interface Holder {
  readonly number: number
  readonly server: ServerId
  readonly places: Column
  count: number
}

/** Servers by small numbers. */
export class Holders {
  readonly #byServer = new Map<ServerId, Holder>()
  readonly #byNumber: Holder[] = []

  /** @param number from 1 */
  numbered(number: number): Holder {
    const holder = this.#byNumber[number - 1]
    assert(holder !== undefined, `holder ${String(number)} exists`)
    return holder
  }

  of(server: ServerId): Holder | undefined {
    return this.#byServer.get(server)
  }

  ofNew(server: ServerId): Holder {
    const known = this.#byServer.get(server)
    if (known !== undefined) return known
    assert(this.#byNumber.length < HOLDERS_MAX, 'the table of replicas has room for 65,535 servers')
    const holder = { number: this.#byNumber.length + 1, server, places: new Column(uint32, LIST_SEGMENT), count: 0 }
    this.#byNumber.push(holder)
    this.#byServer.set(server, holder)
    return holder
  }
}
