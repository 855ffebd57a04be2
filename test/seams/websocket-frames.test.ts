import fc from 'fast-check'
import t from 'tap'
import { payloadMemory, recycle, recycleAs, startsAtPage } from '../../src/seams/payloads.ts'
import { FrameReader, framesOf } from '../../src/seams/websocket-frames.ts'

/** One message in as many frames as it has parts, after RFC 6455, 5.2. */
function framed(parts: Buffer[], mask: Buffer | undefined): Buffer {
  return Buffer.concat(parts.flatMap((part, index) => {
    const fin = index === parts.length - 1 ? 0x80 : 0
    const masked = mask === undefined ? 0 : 0x80
    const front = Buffer.from([fin | (index === 0 ? 2 : 0), masked | 127, 0, 0, 0, 0, 0, 0, 0, 0])
    front.writeBigUInt64BE(BigInt(part.length), 2)
    const short = part.length < 126 ? Buffer.from([front.readUInt8(0), masked | part.length]) : front
    if (mask === undefined) return [short, part]
    return [short, mask, Buffer.from(part.map((byte, at) => byte ^ (mask[at % 4] ?? 0)))]
  }))
}

interface Read { messages: string[], pings: string[], closed: string[] }

function read(stream: Buffer, cuts: number[], messageBytesMax = 2 ** 22): Read {
  const got: Read = { messages: [], pings: [], closed: [] }
  const reader = new FrameReader({
    message: bytes => { got.messages.push(bytes.toString('latin1')) },
    ping: bytes => { got.pings.push(bytes.toString('latin1')) },
    close: reason => { got.closed.push(reason) },
  }, messageBytesMax)
  const ends = [...cuts.map(cut => cut % (stream.length + 1)), stream.length].sort((one, other) => one - other)
  let at = 0
  for (const end of ends) {
    // A copy: a reader must not keep what it was shown.
    const shown = Buffer.from(stream.subarray(at, end))
    reader.push(shown)
    shown.fill(0xee)
    at = end
  }
  return got
}

t.test('messages come out whole, however they were cut up and masked', async t => {
  const part = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(65_535, 65_536, 200_000).map(n => new Uint8Array(n).fill(n)))
  fc.assert(fc.property(
    fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
    fc.array(fc.nat(), { maxLength: 12 }),
    fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined }),
    (messages, cuts, mask) => {
      const buffers = messages.map(parts => parts.map(each => Buffer.from(each)))
      const key = mask === undefined ? undefined : Buffer.from(mask)
      const got = read(Buffer.concat(buffers.map(parts => framed(parts, key))), cuts)
      t.strictSame(got.messages, buffers.map(parts => Buffer.concat(parts).toString('latin1')))
    }), { numRuns: 60 })
})

t.test('what we send is what we read: a short message in one piece, a payload where it was', async t => {
  for (const lengths of [[0], [5], [125], [126], [70_000], [11, 4_096], [40, 100_000, 7], [40, 0]]) {
    const parts = lengths.map((length, index) => Buffer.alloc(length, 65 + index))
    for (const masked of [false, true]) {
      const frames = framesOf(parts, masked)
      t.equal(frames.length, Math.max(1, parts.slice(1).some(part => part.length > 0) ? parts.length : 1))
      t.ok(frames.slice(1).every((frame, index) => frame === parts[index + 1]), 'payload is not copied')
      const stream = Buffer.concat(frames)
      t.equal((stream.readUInt8(1) & 0x80) !== 0, masked)
      t.strictSame(read(stream, []).messages, [Buffer.concat(parts).toString('latin1')])
    }
  }
})

t.test('what follows the first fragment of a long message starts at a page of memory', async t => {
  for (const frontBytes of [1, 200, 5_000]) {
    const [front, payload] = [Buffer.alloc(frontBytes, 1), Buffer.alloc(1024 * 1024, 2)]
    const stream = framed([front, payload], undefined)
    const messages: Buffer[] = []
    const unexpected = (): void => { t.fail('no control frames were sent') }
    const reader = new FrameReader({ message: bytes => { messages.push(bytes) }, ping: unexpected, close: unexpected }, 2 ** 22)
    for (let at = 0; at < stream.length; at += 100_000) reader.push(stream.subarray(at, at + 100_000))
    const received = messages[0]?.subarray(frontBytes) ?? Buffer.alloc(0)
    t.ok(received.equals(payload))
    t.ok(startsAtPage(received))
    t.notOk(startsAtPage(received.subarray(1)))
  }
})

t.test('pings and closes are heard between the fragments of a message', async t => {
  const [first, second] = [Buffer.from('half'), Buffer.from('other half')]
  const whole = framed([first, second], undefined)
  const ping = Buffer.from([0x89, 2, 0x68, 0x69])
  const close = Buffer.from([0x88, 5, 0x03, 0xe8, 0x62, 0x79, 0x65])
  const got = read(Buffer.concat([whole.subarray(0, 6), ping, whole.subarray(6), close]), [])
  t.strictSame(got, { messages: ['halfother half'], pings: ['hi'], closed: ['bye'] })
})

t.test('what is no stream of ours is refused', async t => {
  const bad: Record<string, Buffer> = {
    'reserved bits': Buffer.from([0xc2, 0]),
    'text': Buffer.from([0x81, 0]),
    'an unknown kind': Buffer.from([0x83, 0]),
    'a continuation of nothing': Buffer.from([0x80, 0]),
    'a second beginning': Buffer.concat([framed([Buffer.from('a')], undefined).fill(0x02, 0, 1), Buffer.from([0x82, 0])]),
    'a long control frame': Buffer.from([0x89, 126, 0, 200]),
    'a message over the limit': Buffer.from([0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0]),
    'a length beyond reason': Buffer.from([0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  }
  for (const [what, bytes] of Object.entries(bad)) t.throws(() => read(bytes, []), { name: 'FrameError' }, what)
})

t.test('recycled memory is lent again, and only once', async t => {
  const message = payloadMemory(1_000_000)
  const payload = message.subarray(100)
  recycleAs(message, payload)
  recycle(message)
  const other = payloadMemory(1_000_000)
  t.not(other.buffer, message.buffer, 'what was handed on is not free yet')
  recycle(payload)
  recycle(payload)
  const [next, third] = [payloadMemory(1_000_000), payloadMemory(1_000_000)]
  t.equal(next.buffer, message.buffer)
  t.not(third.buffer, next.buffer)
})
