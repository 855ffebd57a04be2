import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { acceptLink } from '../../src/protocol/handshake.ts'
import { chunkserverRegistryApi } from '../../src/protocol/chunkserver-api.ts'
import type { ClusterId } from '../../src/protocol/identifiers.ts'
import { limits } from '../../src/protocol/limits.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { silentLog } from '../../src/seams/log.ts'
import type { Listener } from '../../src/seams/network.ts'
import { webSockets } from '../../src/seams/websockets.ts'

const command = fileURLToPath(new URL('../../bin/dfs-chunkserver', import.meta.url))
const cluster = '6f6c8a7e-3f0f-4d0e-9c52-0a4b0c8d1e2f' as ClusterId
const network = webSockets({ messageBytesMax: limits.messageBytesMax })
const NOBODY = '127.0.0.1:1'

interface Command {
  process: ChildProcess
  /** All that it has said on standard error. */
  said(): string
  /** Resolves when it has said this. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  ended: Promise<{ code: number | null, signal: string | null }>
}

function start(test: Test, ...options: string[]): Command {
  const child = spawn(command, options, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  const ended = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null }))
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
  test.teardown(() => { child.kill('SIGKILL') })
  return {
    process: child,
    said: () => said,
    ended,
    until: async pattern => {
      for (;;) {
        const match = pattern.exec(said)
        if (match !== null) return match
        const silenced = ended.then(() => { throw new Error(`ended without ${String(pattern)}: ${said}`) })
        await Promise.race([once(child.stderr, 'data'), silenced])
      }
    },
  }
}

/** A master that only greets chunkservers. */
async function greeter(test: Test): Promise<{ listener: Listener, registered: string[] }> {
  const registered: string[] = []
  const listener = await network.listen('127.0.0.1:0', connection => {
    void acceptLink(connection, { role: 'master', cluster }, { clock: systemClock, log: silentLog }).then(accepted => {
      accepted?.link.serve(chunkserverRegistryApi, {
        register: ({ address }) => {
          registered.push(address)
          return { reply: { heartbeatMs: 1_000 } }
        },
        report: () => ({ reply: {} }),
        heartbeat: () => ({ reply: { renewed: [] } }),
      }, undefined)
    })
  })
  test.teardown(() => listener.close())
  return { listener, registered }
}

async function temporaryFolder(test: Test): Promise<string> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'dfs-chunkserver-'))
  test.teardown(() => rm(root, { recursive: true, force: true }))
  return root
}

t.test('it comes up, keeps its port over a kill, and stops on SIGTERM', async t => {
  const root = await temporaryFolder(t)
  const { listener, registered } = await greeter(t)
  const options = ['--data', root, '--master', listener.address]
  const first = start(t, ...options)
  const [, address] = await first.until(/is up at ([\d.:]+)/)
  const second = start(t, ...options)
  t.match(await second.ended, { code: 1 })
  t.match(second.said(), /is in use by another chunkserver/)
  first.process.kill('SIGKILL')
  t.match(await first.ended, { signal: 'SIGKILL' })

  const again = start(t, ...options)
  t.equal((await again.until(/is up at ([\d.:]+)/))[1], address)
  await again.until(/registered with the master/)
  t.same(registered, [address, address])
  again.process.kill('SIGTERM')
  t.match(await again.ended, { code: 0 })
})

t.test('it waits for a master that is not there yet, and says so', async t => {
  const root = await temporaryFolder(t)
  const waiting = start(t, '--data', root, '--master', NOBODY)
  await waiting.until(/no master yet/)
})

t.test('a port that is taken, or a folder that cannot be used, ends it with a sentence', async t => {
  const root = await temporaryFolder(t)
  const { listener } = await greeter(t)
  const taken = start(t, '--data', root, '--master', NOBODY, '--listen', listener.address)
  const unusable = start(t, '--data', '/proc/nowhere', '--master', NOBODY)
  t.match(await taken.ended, { code: 1 })
  t.match(taken.said(), /dfs-chunkserver: .*address already in use/)
  t.match(await unusable.ended, { code: 1 })
  t.match(unusable.said(), /dfs-chunkserver: \/proc\/nowhere cannot be used/)
})
