import type { Checksum } from '../../protocol/checksum.ts'
import { DfsError } from '../../protocol/errors.ts'
import type { PushId } from '../../protocol/identifiers.ts'
import { limits } from '../../protocol/limits.ts'
import { pause, type Clock } from '../../seams/clock.ts'
import { recycle } from '../../seams/payloads.ts'
import { bounds } from '../config.ts'

/** Bytes that match their checksum, and the checksums of each full 64 KiB of them, which spare the store computing those. */
export interface CheckedBytes {
  readonly data: Buffer
  readonly pieces: readonly Checksum[]
}

/** Pushed bytes, in this process's memory. */
interface HeldPush {
  readonly bytes: CheckedBytes
  readonly heldSinceMs: number
  /** Whether the servers behind this one have all of it: nobody here sends it any more. */
  passedOn: boolean
  /** How often it was asked for. */
  uses: number
}

export interface HeldOptions {
  clock: Clock
  /** Bytes unused for this long are dropped. */
  heldMs: number
  /** How long a push waits for room. */
  roomMs: number
  bytesMax?: number
  pushesMax?: number
}

/** Bytes that came before the commit that will say where they go; bounded in bytes, number and time. */
export class HeldPushes {
  readonly #options: Required<HeldOptions>
  /** Oldest first. */
  readonly #pushes = new Map<PushId, HeldPush>()
  readonly #waiting = new Set<AbortController>()
  #bytes = 0

  constructor(options: HeldOptions) {
    this.#options = { bytesMax: limits.heldBytesMax, pushesMax: bounds.heldPushesMax, ...options }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Holds the bytes. @throws DfsError 'busy' no room came free in time */
  async hold(push: PushId, bytes: CheckedBytes): Promise<void> {
    const { clock, roomMs } = this.#options
    this.release(push)
    const giveUpMs = clock.nowMs() + roomMs
    while (!this.#hasRoomFor(bytes.data.length)) {
      const leftMs = giveUpMs - clock.nowMs()
      if (leftMs <= 0) {
        throw new DfsError('busy', `${this.#pushes.size} pushes of ${this.#bytes} bytes wait for their commits already`)
      }
      const room = new AbortController()
      this.#waiting.add(room)
      await pause(clock, leftMs, room.signal)
      this.#waiting.delete(room)
    }
    this.release(push)
    this.#pushes.set(push, { bytes, heldSinceMs: clock.nowMs(), passedOn: false, uses: 0 })
    this.#bytes += bytes.data.length
  }

  /** @throws DfsError 'push-unknown' never came, expired or was used */
  bytesOf(push: PushId): CheckedBytes {
    const held = this.#pushes.get(push)
    if (held === undefined) throw new DfsError('push-unknown', `push ${push} is not held here`)
    held.uses++
    return held.bytes
  }

  /** All servers behind this one hold the push too. */
  passedOn(push: PushId): void {
    const held = this.#pushes.get(push)
    if (held !== undefined) held.passedOn = true
  }

  /** Forgets a push that was applied: its bytes are in the replica. */
  applied(push: PushId): void {
    const held = this.#pushes.get(push)
    this.release(push)
    // Only if nobody else can be looking at it still.
    if (held?.passedOn === true && held.uses === 1) recycle(held.bytes.data)
  }

  /** Forgets a push. */
  release(push: PushId): void {
    const held = this.#pushes.get(push)
    if (held === undefined) return
    this.#pushes.delete(push)
    this.#bytes -= held.bytes.data.length
    for (const room of this.#waiting) room.abort()
  }

  /** Drops what nobody came for. @returns how many pushes that were */
  expire(): number {
    const oldestMs = this.#options.clock.nowMs() - this.#options.heldMs
    let dropped = 0
    for (const [push, held] of this.#pushes) {
      if (held.heldSinceMs > oldestMs) break
      this.release(push)
      dropped++
    }
    return dropped
  }

  #hasRoomFor(bytes: number): boolean {
    const { bytesMax, pushesMax } = this.#options
    if (this.#bytes + bytes <= bytesMax && this.#pushes.size < pushesMax) return true
    this.expire()
    return this.#bytes + bytes <= bytesMax && this.#pushes.size < pushesMax
  }
}
