type Numbers = Float64Array | Uint32Array | Uint16Array | Uint8Array

/** Entries that are made at once, unless told otherwise. */
const SEGMENT_LENGTH = 8_192

/**
 * Numbers in segments of typed arrays: a million take no more memory than their bytes, and growing never copies what is
 * there, so that it never takes long. What was not set is 0.
 */
export class Column {
  readonly #segments: Numbers[] = []
  readonly #make: (length: number) => Numbers
  readonly #length: number
  readonly #shift: number

  /** @param segmentLength entries that are made at once: a power of two */
  constructor(make: (length: number) => Numbers, segmentLength = SEGMENT_LENGTH) {
    this.#make = make
    this.#length = segmentLength
    this.#shift = Math.log2(segmentLength)
  }

  /** @param at below 2^32 */
  get(at: number): number {
    return this.#segments[at >>> this.#shift]?.[at & (this.#length - 1)] ?? 0
  }

  set(at: number, value: number): void {
    const segment = at >>> this.#shift
    while (this.#segments.length <= segment) this.#segments.push(this.#make(this.#length))
    const numbers = this.#segments[segment]
    if (numbers !== undefined) numbers[at & (this.#length - 1)] = value
  }
}

export const float64 = (length: number): Numbers => new Float64Array(length)
export const uint32 = (length: number): Numbers => new Uint32Array(length)
export const uint16 = (length: number): Numbers => new Uint16Array(length)
export const uint8 = (length: number): Numbers => new Uint8Array(length)
