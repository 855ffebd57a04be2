import t from 'tap'
import { WebSocket } from 'ws'
import { systemClock } from '../../src/seams/clock.ts'
import type { Connection, Network } from '../../src/seams/network.ts'
import { webSockets } from '../../src/seams/websockets.ts'
import { SimulatedNetwork } from '../simulation/network.ts'
import { Turns } from '../simulation/process.ts'
import { SeededRandom } from '../simulation/random.ts'

const MESSAGE_BYTES_MAX = 1_000_000

interface Opened { near: Connection, far: Connection, close: () => Promise<void> }

async function opened(network: Network, at: string): Promise<Opened> {
  const accepted = Promise.withResolvers<Connection>()
  const listener = await network.listen(at, accepted.resolve)
  const near = await network.dial(listener.address, 5_000)
  return { near, far: await accepted.promise, close: () => listener.close() }
}

function messages(connection: Connection, count: number): Promise<string[]> {
  return new Promise(resolve => {
    const got: string[] = []
    connection.onMessage = message => {
      got.push(message.toString())
      if (got.length === count) resolve(got)
    }
  })
}

function networkContract(name: string, network: () => Network, at: string): void {
  t.test(`${name}: messages arrive whole, in order, in both directions`, async t => {
    const { near, far, close } = await opened(network(), at)
    const there = messages(far, 3)
    near.send([Buffer.from('a'), Buffer.from('b')])
    near.send([Buffer.from('c')])
    near.send([Buffer.alloc(500_000, 'd')])
    t.strictSame((await there).map(message => message.slice(0, 2)), ['ab', 'c', 'dd'])
    const back = messages(near, 1)
    far.send([Buffer.from('back')])
    t.strictSame(await back, ['back'])
    await close()
  })

  t.test(`${name}: closing one end closes the other`, async t => {
    const { near, far, close } = await opened(network(), at)
    const ended = new Promise(resolve => { far.onClose = resolve })
    near.close('done')
    await ended
    far.send([Buffer.from('into the void')])
    await far.writable()
    t.pass('sending after a close does nothing')
    await close()
  })

  t.test(`${name}: nobody there is an error, and so is a port that is taken`, async t => {
    const one = network()
    const listener = await one.listen(at, () => {})
    await t.rejects(Promise.resolve().then(() => one.listen(listener.address, () => {})), { code: 'EADDRINUSE' })
    await listener.close()
    await t.rejects(one.dial(listener.address, 1_000), { code: 'ECONNREFUSED' })
  })

  t.test(`${name}: a receiver that pauses reading gets nothing until it resumes`, async t => {
    const { near, far, close } = await opened(network(), at)
    far.pauseReading()
    let got = 0
    const all = new Promise<void>(resolve => {
      far.onMessage = () => { if (++got === 2) resolve() }
    })
    near.send([Buffer.from('a')])
    near.send([Buffer.from('b')])
    const echo = messages(near, 1)
    far.send([Buffer.from('a message the other way takes as long')])
    await echo
    t.equal(got, 0)
    far.resumeReading()
    await all
    await close()
  })
}

networkContract('WebSockets', () => webSockets({ messageBytesMax: MESSAGE_BYTES_MAX }), '127.0.0.1:0')
networkContract('the simulated network',
  () => new SimulatedNetwork({ clock: systemClock, random: new SeededRandom(1), turnsOf: () => new Turns(systemClock) }).forHost('host'), 'host:0')

t.test('a message over the limit, and text, close the connection', async t => {
  const network = webSockets({ messageBytesMax: 1_000 })
  for (const message of [Buffer.alloc(2_000), 'text']) {
    const accepted = Promise.withResolvers<Connection>()
    const listener = await network.listen('127.0.0.1:0', accepted.resolve)
    const socket = new WebSocket(`ws://${listener.address}`)
    await new Promise(resolve => { socket.once('open', resolve) })
    const far = await accepted.promise
    far.onMessage = () => { t.fail('it was taken') }
    const ended = new Promise<string>(resolve => { far.onClose = resolve })
    socket.on('error', () => {})
    socket.send(message)
    t.not(await ended, '', 'the reason is told')
    await listener.close()
  }
})

t.test('writable() waits while too much has not left yet', async t => {
  const { near, far, close } = await opened(webSockets({ messageBytesMax: 2 ** 26 }), '127.0.0.1:0')
  far.pauseReading()
  const block = Buffer.alloc(2 ** 23)
  for (let sent = 0; sent < 8; sent++) near.send([block])
  let free = false
  const waited = near.writable()?.then(() => { free = true })
  await new Promise(resolve => { setImmediate(resolve) })
  t.notOk(free, 'it waits')
  far.resumeReading()
  await waited
  t.ok(near.waitingBytes < 2 ** 26)
  await close()
})
