import t from 'tap'
import { decodeMessage, encodeMessage, MessageKind } from '../../src/protocol/wire.ts'

t.test('a message comes out as it went in, its payload without a copy on the way in', async t => {
  const payload = [Buffer.from('one'), Buffer.from('two')]
  const header = { text: 'é\u0001', big: 2n ** 62n, negative: -5n, large: 2 ** 50, list: [1, 2.5, true, null] }
  const parts = encodeMessage(MessageKind.request, 77, 203, header, payload)
  t.equal(parts[1], payload[0], 'payload buffers are passed on as they are')
  const message = decodeMessage(Buffer.concat(parts))
  t.strictSame({ ...message, payload: message.payload.toString() },
    { kind: MessageKind.request, call: 77, number: 203, header, payload: 'onetwo' })
})

t.test('anything that is not a message is refused as one', async t => {
  const good = Buffer.concat(encodeMessage(MessageKind.reply, 1, 2, { a: 1 }))
  const bad: Record<string, Buffer> = {
    'empty': Buffer.alloc(0),
    'too short for its own front': good.subarray(0, 5),
    'of unknown kind': Buffer.concat([Buffer.from([9]), good.subarray(1)]),
    'with a header longer than itself': good.subarray(0, good.length - 1),
    'with a header that is not msgpack': Buffer.concat([good.subarray(0, 11), Buffer.alloc(good.length - 11, 0xc1)]),
  }
  for (const [what, bytes] of Object.entries(bad)) {
    t.throws(() => decodeMessage(bytes), { code: 'bad-message' }, `a message ${what}`)
  }
})
