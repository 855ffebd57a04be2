import { randomBytes } from 'node:crypto'
import net from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { encodeMessage, MessageKind } from '../../src/protocol/wire.ts'
import { Cluster, must } from './harness.ts'

/** Sends bytes over plain TCP and waits for the other end to hang up, or to have had the time to. */
function throwAt(address: string, bytes: Buffer): Promise<void> {
  const colon = address.lastIndexOf(':')
  return new Promise(resolve => {
    const socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon))
    socket.on('error', () => {})
    socket.once('close', () => { resolve() })
    socket.setTimeout(1_000, () => { socket.destroy() })
    socket.resume()
    socket.end(bytes)
  })
}

/** Opens a proper WebSocket, sends messages, and waits for the other end to close it, or to have had the time to. */
function speakAt(address: string, messages: (Buffer | string)[]): Promise<void> {
  return new Promise(resolve => {
    const socket = new WebSocket(`ws://${address}`, { perMessageDeflate: false })
    const timer = setTimeout(() => { socket.terminate() }, 500)
    socket.on('error', () => {})
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.once('open', () => { for (const message of messages) socket.send(message) })
  })
}

const hello = { magic: 'dfs', protocol: 1, role: 'client', lane: 'control' }
const message = (kind: MessageKind, number: number, header: unknown, payload: Buffer[] = []): Buffer =>
  Buffer.concat(encodeMessage(kind, 1, number, header, payload))

t.test('whatever is thrown at a port, the servers go on serving', async t => {
  const cluster = await Cluster.up({ options: ['--no-mount'] })
  t.teardown(() => cluster.down())
  const servers = cluster.processes().filter(({ role }) => role !== 'mount')
  t.equal(servers.length, 4)
  const greeting = message(MessageKind.hello, 0, hello)
  for (const { name, address } of servers) {
    const pid = cluster.process(name).pid
    await Promise.all([
      throwAt(address, Buffer.alloc(0)),
      throwAt(address, randomBytes(100_000)),
      throwAt(address, Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n\r\n`)),
      throwAt(address, Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(20_000)}`)),
      speakAt(address, ['text']),
      speakAt(address, [randomBytes(10)]),
      speakAt(address, [randomBytes(1_000_000)]),
      speakAt(address, [Buffer.alloc(20_000_000)]),
      speakAt(address, [message(MessageKind.hello, 0, { ...hello, protocol: 99 })]),
      speakAt(address, [message(MessageKind.hello, 0, { ...hello, cluster: 'no uuid' })]),
      speakAt(address, [message(MessageKind.hello, 0, null)]),
      speakAt(address, [message(MessageKind.request, 50, {})]),
    ])
    for (let number = 0; number < 300; number += 7) {
      await Promise.all([number, number + 1, number + 2, number + 3, number + 4, number + 5, number + 6].map(method =>
        speakAt(address, [greeting, message(MessageKind.request, method, { inode: 'one', chunk: -1, stamp: [] }, [randomBytes(100)])])))
    }
    await speakAt(address, [greeting, message(MessageKind.reply, 50, {}), message(MessageKind.failure, 9, 'x'), randomBytes(50)])
    t.equal(cluster.process(name).pid, pid, `${name} still runs`)
  }
  const master = cluster.master()
  await must('bin/dfs', ['put', '--master', master, 'package.json', '/package.json'])
  t.equal(await must('bin/dfs', ['cat', '--master', master, '/package.json']), await must('cat', ['package.json']), 'and they serve')
})
