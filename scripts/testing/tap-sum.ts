import { Parser, type Result } from 'tap-parser'

/** One assertion that failed, with what the test said about it. */
export interface Failure {
  name: string
  detail: unknown
}

/** What a test file's output amounts to. */
export interface TapSum {
  passed: number
  skipped: number
  failures: Failure[]
  /** The output as a whole was sound: a plan that was kept, no bail-out. */
  complete: boolean
}

interface ParserEvents {
  on(event: 'child', heard: (child: Parser) => void): unknown
  on(event: 'assert', heard: (result: Result) => void): unknown
}

/**
 * Reads TAP as it comes and counts assertions, each once: the line that closes a subtest repeats what its
 * assertions said, and counts only where it alone failed (a deadline, a plan not kept).
 */
export class TapSummer {
  #passed = 0
  #skipped = 0
  readonly #failures: Failure[] = []
  #ok: boolean | undefined
  readonly #parser: Parser

  constructor() {
    this.#parser = new Parser({}, results => { this.#ok = results.ok })
    this.#listen(this.#parser)
  }

  write(output: Buffer): void { this.#parser.write(output) }

  end(): TapSum {
    this.#parser.end()
    return {
      passed: this.#passed, skipped: this.#skipped, failures: this.#failures,
      complete: this.#ok === true || this.#failures.length > 0,
    }
  }

  #listen(parser: ParserEvents): void {
    let failuresBefore = this.#failures.length
    let closing = false
    parser.on('child', child => {
      failuresBefore = this.#failures.length
      closing = true
      this.#listen(child)
    })
    parser.on('assert', result => {
      const repeats = closing
      closing = false
      if (result.skip !== false || result.todo !== false) {
        this.#skipped++
      } else if (!result.ok) {
        if (!repeats || this.#failures.length === failuresBefore) {
          this.#failures.push({ name: result.fullname, detail: result.diag })
        }
      } else if (!repeats) {
        this.#passed++
      }
    })
  }
}
