/**
 * ledger-writer.ts write FOLDER LEDGER SEED: overwrites, fsyncs and makes files in FOLDER until SIGTERM, and notes on a local
 *   disk what it is about to do and what was acknowledged. Prints one line of JSON for each error and each slow call.
 * ledger-writer.ts check FOLDER LEDGER: whether everything that was acknowledged is there; prints what is not, exits with 1.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import path from 'node:path'

const FILES = 4
const BLOCKS = 96
const BLOCK_BYTES = 16_384
/** A call that took longer is printed. */
const SLOW_MS = 1_000
/** The new files go round: this many are there at the same time. */
const SMALL_FILES = 64

const [mode, folder = '', ledger = '', seed = '1'] = process.argv.slice(2)

/** What block `block` of file `file` holds after write number `write`. */
const contents = (file: number, block: number, write: number): Buffer =>
  Buffer.alloc(BLOCK_BYTES, `file ${String(file)} block ${String(block)} write ${String(write)}\n`)

const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex').slice(0, 16)

function say(what: object): void {
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...what })}\n`)
}

/** Runs until it works; an application that is told of an error notes it and tries again. */
async function persist(what: string, work: () => void): Promise<void> {
  for (;;) {
    const startedMs = performance.now()
    let error: string | undefined
    try {
      work()
    } catch (thrown) {
      error = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    }
    const tookMs = Math.round(performance.now() - startedMs)
    if (error !== undefined || tookMs > SLOW_MS) say({ what, tookMs, ...(error === undefined ? {} : { error }) })
    await new Promise(resolve => { setTimeout(resolve, error === undefined ? 0 : 200) })
    if (error === undefined) return
  }
}

async function write(): Promise<void> {
  process.on('SIGTERM', () => process.exit(0))
  mkdirSync(folder, { recursive: true })
  const note = openSync(ledger, 'a')
  let state = Number(seed)
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * bound)
  }
  for (let number = 1; ; number++) {
    const file = below(FILES)
    const block = below(BLOCKS)
    writeSync(note, `begin ${String(file)} ${String(block)} ${String(number)}\n`)
    await persist('write and fsync', () => {
      const open = openSync(path.join(folder, `blocks-${String(file)}`), 'a+')
      closeSync(open)
      const data = openSync(path.join(folder, `blocks-${String(file)}`), 'r+')
      try {
        writeSync(data, contents(file, block, number), 0, BLOCK_BYTES, block * BLOCK_BYTES)
        fsyncSync(data)
      } finally {
        closeSync(data)
      }
    })
    writeSync(note, `done ${String(file)} ${String(block)} ${String(number)}\n`)
    if (number % 4 === 0) {
      const name = `small-${String(number / 4 % SMALL_FILES)}`
      const data = contents(below(1_000), 0, number).subarray(0, 1 + below(BLOCK_BYTES))
      writeSync(note, `making ${name} ${sha(data)}\n`)
      await persist('write and close', () => {
        const made = openSync(path.join(folder, name), 'w')
        try {
          writeSync(made, data)
        } finally {
          closeSync(made)
        }
      })
      writeSync(note, `made ${name} ${sha(data)}\n`)
    }
    if (number % 20 === 0) say({ writes: number })
  }
}

function check(): void {
  const blocks = new Map<string, { done: number, begun: number }>()
  const files = new Map<string, Set<string>>()
  let writes = 0
  for (const line of readFileSync(ledger, 'latin1').split('\n').slice(0, -1)) {
    const [what, one = '', two = '', three = ''] = line.split(' ')
    if (what === 'begin' || what === 'done') {
      const entry = blocks.get(`${one} ${two}`) ?? { done: 0, begun: 0 }
      if (what === 'begin') entry.begun = Number(three)
      else { entry.done = Number(three); writes++ }
      blocks.set(`${one} ${two}`, entry)
    }
    if (what === 'making') files.set(one, new Set([...files.get(one) ?? [sha(Buffer.alloc(0))], two]))
    if (what === 'made') files.set(one, new Set([two]))
  }
  const wrong: string[] = []
  for (const [key, { done, begun }] of blocks) {
    const [file = 0, block = 0] = key.split(' ').map(Number)
    const name = `blocks-${String(file)}`
    if (done === 0) continue
    const found = Buffer.alloc(BLOCK_BYTES)
    const open = openSync(path.join(folder, name), 'r')
    readSync(open, found, 0, BLOCK_BYTES, block * BLOCK_BYTES)
    closeSync(open)
    const write = Number(/write (\d+)\n/.exec(found.toString('latin1', 0, 100))?.[1] ?? -1)
    if (!found.equals(contents(file, block, write)) || (write !== done && write !== begun)) {
      wrong.push(`${name} block ${String(block)}: holds write ${String(write)}, acknowledged was ${String(done)}, begun ${String(begun)}`)
    }
  }
  for (const [name, hashes] of files) {
    if (hashes.size > 1) continue // Its last writing was under way.
    const found = sha(readFileSync(path.join(folder, name)))
    if (!hashes.has(found)) wrong.push(`${name} is not what was closed`)
  }
  console.log(JSON.stringify({ writes, blocks: blocks.size, files: files.size, wrong }))
  process.exit(wrong.length === 0 && writes > 0 ? 0 : 1)
}

if (mode === 'check') check()
else await write()
