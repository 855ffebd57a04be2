/** First byte of every record, so that a later layout can be told from this one. */
export const FORMAT = 2

const NUMBER_BYTES_MAX = 8

/**
 * Writes whole numbers from 0 to below 2^53, one behind the other, in as few bytes as each takes: seven bits a byte, the lowest
 * first, and the eighth bit set in all but a number's last byte.
 * @returns the offset behind the last
 */
export function writeNumbers(into: Buffer, at: number, numbers: readonly number[]): number {
  let to = at
  for (const number of numbers) {
    let rest = number
    while (rest >= 2 ** 28) {
      into[to++] = 128 | rest % 128
      rest = Math.floor(rest / 128)
    }
    while (rest >= 128) {
      into[to++] = 128 | rest & 127
      rest >>= 7
    }
    into[to++] = rest
  }
  return to
}

/** Reads them one after the other. */
export class NumberReader {
  readonly #from: Uint8Array
  #at: number

  constructor(from: Uint8Array, at: number) {
    this.#from = from
    this.#at = at
  }

  next(): number {
    let number = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#from[this.#at++] ?? 0
      if (byte < 128) return number + byte * scale
      number += (byte - 128) * scale
    }
  }

  /** Where the next one begins. */
  get at(): number {
    return this.#at
  }
}

/** A record of nothing but numbers: they stand behind the format byte. */
export function encodeNumbers(...numbers: number[]): Buffer {
  const into = Buffer.allocUnsafe(1 + NUMBER_BYTES_MAX * numbers.length)
  into[0] = FORMAT
  return into.subarray(0, writeNumbers(into, 1, numbers))
}

/** The numbers of a record that begins with them. */
export function numbersOf(from: Uint8Array): NumberReader {
  return new NumberReader(from, 1)
}

/** The only number of a record, or the first. */
export function numberOf(from: Uint8Array): number {
  return numbersOf(from).next()
}
