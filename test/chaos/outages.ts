/** What a program was told, and when it had asked. */
export interface Failure {
  startedMs: number
  endedMs: number
  said: string
}

/** What no outage explains: bytes that are there and wrong. */
const WRONG_BYTES = /verify|differ|bad (?:header|magic)|mismatch/i

/** When the mount was not there: what ran then may fail, for no file system survives the end of its process. */
export class Outages {
  readonly #outages: { fromMs: number, toMs: number }[] = []

  begin(): void {
    this.#outages.push({ fromMs: Date.now(), toMs: Infinity })
  }

  end(): void {
    const last = this.#outages.at(-1)
    if (last !== undefined) last.toMs = Date.now()
  }

  explain({ startedMs, endedMs, said }: Failure): boolean {
    return !WRONG_BYTES.test(said) && this.#outages.some(({ fromMs, toMs }) => startedMs <= toMs && endedMs >= fromMs)
  }
}
