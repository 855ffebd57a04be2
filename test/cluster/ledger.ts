import path from 'node:path'
import { z } from 'zod'
import { must, root, run, start } from './harness.ts'

const node = path.join(root, 'node_modules/node/bin/node')
const program = ['--disable-warning=ExperimentalWarning', path.join(root, 'test/cluster/ledger-writer.ts')]

const line = z.object({
  atMs: z.number(), writes: z.number().optional(), what: z.string().optional(), tookMs: z.number().optional(), error: z.string().optional(),
})

/** A program that writes through a mount and notes on a local disk what was acknowledged: see ledger-writer.ts. */
export class Ledger {
  readonly #folder: string
  readonly #ledger: string
  readonly #running: ReturnType<typeof start>
  readonly #waiting = new Set<() => void>()
  /** Writes acknowledged so far, in steps of 20. */
  writes = 0
  /** What the application was told of. */
  readonly errors: string[] = []
  /** When these calls were made, and what came of them. */
  readonly failures: { startedMs: number, endedMs: number, said: string }[] = []
  /** Its calls that took more than a second, in ms. */
  readonly pauses: number[] = []

  /** @param ledger a file on a local disk */
  constructor(folder: string, ledger: string, seed = 1) {
    this.#folder = folder
    this.#ledger = ledger
    this.#running = start(node, [...program, 'write', folder, ledger, String(seed)])
    let rest = ''
    this.#running.child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines) {
        const { atMs, writes, what = '', tookMs, error } = line.parse(JSON.parse(text))
        if (writes !== undefined) this.writes = writes
        if (error !== undefined) {
          this.errors.push(error)
          this.failures.push({ startedMs: atMs - (tookMs ?? 0), endedMs: atMs, said: `${what}: ${error}` })
        }
        if (tookMs !== undefined) this.pauses.push(tookMs)
      }
      for (const look of this.#waiting) look()
    })
  }

  get longestPauseMs(): number {
    return Math.max(0, ...this.pauses)
  }

  /** Waits for that many more acknowledged writes, as a sign that writing goes on. */
  more(count = 20): Promise<void> {
    const wanted = this.writes + count
    return this.#until(() => this.writes >= wanted)
  }

  /** Waits until the application is told of an error. */
  error(): Promise<void> {
    const before = this.errors.length
    return this.#until(() => this.errors.length > before)
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      void this.#running.ended.then(({ code, stderr }) => { reject(new Error(`the writer ended with ${String(code)}: ${stderr}`)) })
    })
  }

  /** Ends it, killing it where it does not listen. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#running.child.kill(signal)
    await this.#running.ended
  }

  /** Reads back everything that was acknowledged. @throws where a byte is wrong or missing, or nothing was acknowledged */
  check(): Promise<string> {
    return must(node, [...program, 'check', this.#folder, this.#ledger])
  }

  /** As check, giving what it printed instead of throwing. */
  async verdict(): Promise<{ ok: boolean, said: string }> {
    const { code, stdout, stderr } = await run(node, [...program, 'check', this.#folder, this.#ledger])
    return { ok: code === 0, said: (stdout + stderr).trim() }
  }
}
