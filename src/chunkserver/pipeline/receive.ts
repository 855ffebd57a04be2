import type { Checksum } from '../../protocol/checksum.ts'
import type { ServerAddress } from '../../protocol/chunks.ts'
import { chunkserverApi } from '../../protocol/chunkserver-api.ts'
import { asDfsError, DfsError, isError } from '../../protocol/errors.ts'
import type { PushId, ServerId } from '../../protocol/identifiers.ts'
import type { Parts } from '../parts.ts'
import { checksumInPieces } from '../store/combined-checksum.ts'

/** Servers that do not hold the bytes, who broke the chain first; `busy` where that one lives and has no room for now. */
interface Outcome {
  failed: ServerId[]
  busy?: true | undefined
}

interface Push {
  push: PushId
  checksum: Checksum
  chain: ServerAddress[]
}

/**
 * Takes pushed bytes: checks them, then holds them and passes them on at the same time.
 * The commit that uses them arrives at src/chunkserver/primary/commit.ts.
 * @throws DfsError 'busy', 'bad-message' (damaged on the way)
 */
export async function receivePush(
  parts: Pick<Parts, 'self' | 'held' | 'links' | 'log' | 'timing'>, { push, checksum, chain }: Push, data: Buffer,
): Promise<Outcome> {
  // 1. Nothing damaged is passed on: the next server would only refuse it.
  const { whole, pieces } = checksumInPieces(data)
  if (whole !== checksum) {
    throw new DfsError('bad-message', `push ${push} does not match its checksum: damaged on the way`)
  }
  // 2. Here and at all servers behind us at once; the same buffer serves both.
  const rest = chain[0]?.server === parts.self ? chain.slice(1) : chain
  const passedOn = passOn(parts, { push, checksum, chain: rest }, data)
  await parts.held.hold(push, { data, pieces })
  // 3. What is held here is of use to the primary even if the chain broke behind us: it sends the rest itself.
  const outcome = await passedOn
  if (outcome.failed.length === 0) parts.held.passedOn(push)
  return outcome
}

/** Never rejects. */
async function passOn(
  { links, log, timing }: Pick<Parts, 'links' | 'log' | 'timing'>, request: Push, data: Buffer,
): Promise<Outcome> {
  const [next] = request.chain
  if (next === undefined) return { failed: [] }
  // Each hop allows less than the one before it, so that the server next to the silent one names it.
  const deadlineMs = timing.pushMs * request.chain.length
  try {
    const link = await links.link(next.address, 'bulk')
    const { reply } = await link.call(chunkserverApi.methods.push, request, { payload: [data], deadlineMs })
    return reply
  } catch (error) {
    const { code, message } = asDfsError(error)
    const facts = { push: request.push, to: next.address, code }
    const failed = request.chain.map(({ server }) => server)
    if (isError(error, 'busy')) {
      log.debug(facts, message)
      return { failed, busy: true }
    }
    log.warn(facts, `a push could not be passed on: ${message}`)
    return { failed }
  }
}
