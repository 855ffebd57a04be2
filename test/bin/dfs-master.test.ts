import { spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'

const command = path.join(import.meta.dirname, '../../bin/dfs-master')

interface Ended { code: number | null, signal: string | null, said: string }

/** A master process; ends with the test. */
class Process {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #said = ''
  #heard: () => void = () => {}

  constructor(t: Test, args: string[]) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#said += data.toString()
        this.#heard()
      })
    }
    this.ended = new Promise(resolve => {
      child.on('close', (code, signal) => {
        resolve({ code, signal, said: this.#said })
        this.#heard()
      })
    })
    t.teardown(async () => {
      child.kill('SIGKILL')
      await this.ended
    })
  }

  /** The address it says it is up at. */
  async up(): Promise<string> {
    for (;;) {
      const found = /is up at (\S+?)"/.exec(this.#said)
      if (found?.[1] !== undefined) return found[1]
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.#said}`)
      await new Promise<void>(resolve => { this.#heard = resolve })
    }
  }
}

function temporary(t: Test): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'dfs-master-bin-'))
  t.teardown(() => { fs.rmSync(root, { recursive: true, force: true }) })
  return root
}

const at = (data: string, ...more: string[]): string[] => ['--data', data, '--listen', '127.0.0.1:0', ...more]

t.test('it starts, refuses a second one on its folder, and starts again after kill -9', async t => {
  const data = temporary(t)
  const first = new Process(t, at(data))
  t.match(await first.up(), /^127\.0\.0\.1:\d+$/)
  const second = await new Process(t, at(data)).ended
  t.match(second, { code: 1, said: /in use by another master/ })
  first.child.kill('SIGKILL')
  t.match(await first.ended, { signal: 'SIGKILL' })
  const third = new Process(t, at(data))
  await third.up()
  third.child.kill('SIGTERM')
  t.match(await third.ended, { code: 0, said: /has stopped/ })
})

t.test('a start that cannot work says why in one line and exits with 1', async t => {
  const running = new Process(t, at(temporary(t)))
  const taken = await running.up()
  t.match(await new Process(t, ['--data', temporary(t), '--listen', taken]).ended, { code: 1, said: /EADDRINUSE/ })
  const file = path.join(temporary(t), 'file')
  fs.writeFileSync(file, '')
  t.match(await new Process(t, at(path.join(file, 'below'))).ended, { code: 1, said: /cannot be used/ })
  const impatient = await new Process(t, at(temporary(t), '--stale-ms', '10')).ended
  t.match(impatient, { code: 1, said: /stale-ms must be more than heartbeat-ms/ })
})

t.test('a journal that is damaged in its middle stops the start and names the place', async t => {
  const data = temporary(t)
  const first = new Process(t, at(data))
  await first.up()
  first.child.kill('SIGKILL')
  await first.ended
  // Records that would have to be replayed, with the first one spoilt.
  const journal = fs.readdirSync(path.join(data, 'journal')).sort()[0] ?? ''
  const file = path.join(data, 'journal', journal)
  const bytes = fs.readFileSync(file)
  t.ok(bytes.length > 40, 'there is something to damage')
  fs.rmSync(path.join(data, 'state'), { recursive: true })
  const spoilt = Buffer.concat([bytes, bytes])
  spoilt.writeUInt8(spoilt.readUInt8(12) ^ 0xff, 12)
  fs.writeFileSync(file, spoilt)
  t.match(await new Process(t, at(data)).ended, { code: 1, said: new RegExp(journal) })
})

t.test('help, version and mistakes on the command line', async t => {
  t.match(await new Process(t, ['--help']).ended, { code: 0, said: /--rack-policy/ })
  t.match(await new Process(t, ['--version']).ended, { code: 0, said: /^\d+\.\d+\.\d+/ })
  t.match(await new Process(t, []).ended, { code: 1, said: /--data/ })
  t.match(await new Process(t, at('x', '--replicas', '99')).ended, { code: 1, said: /whole number from 1 to 16/ })
})
