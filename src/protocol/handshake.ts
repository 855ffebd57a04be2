import { z } from 'zod'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Connection, Network } from '../seams/network.ts'
import { asDfsError, DfsError, errorCodeOf, errors } from './errors.ts'
import { clusterId, type ClusterId } from './identifiers.ts'
import { Link } from './link.ts'
import { decodeMessage, encodeMessage, MessageKind, type Message } from './wire.ts'

/** Raised by every change that an older peer would misunderstand. */
export const PROTOCOL_VERSION = 1

export const role = z.enum(['client', 'master', 'chunkserver'])
export type Role = z.infer<typeof role>

/** Bytes travel on connections of their own, so that nothing else waits behind them. */
export const lane = z.enum(['control', 'bulk'])
export type Lane = z.infer<typeof lane>

const hello = z.object({ magic: z.literal('dfs'), protocol: z.int(), role, lane, cluster: clusterId.optional() })
const welcome = z.object({ magic: z.literal('dfs'), protocol: z.int(), role, cluster: clusterId })

/** How long either end waits for the other's first message, in ms. */
const HANDSHAKE_MS = 5_000

interface Outside { clock: Clock, log: Log }

export interface Dialled {
  link: Link
  cluster: ClusterId
}

/**
 * Dials and shakes hands.
 * @param cluster the only one that will do; absent to learn it
 * @throws DfsError 'unreachable', 'wrong-version', 'wrong-cluster', 'bad-message', 'invalid' (not the role asked for)
 */
export async function dialLink(
  network: Network, address: string,
  asked: { role: Role, lane: Lane, expect: Role, cluster?: ClusterId | undefined, timeoutMs: number },
  outside: Outside,
): Promise<Dialled> {
  let connection: Connection
  try {
    connection = await network.dial(address, asked.timeoutMs)
  } catch (error) {
    throw new DfsError('unreachable', error instanceof Error ? error.message : String(error), { cause: error })
  }
  const answered = firstMessage(connection, outside.clock)
  connection.send(encodeMessage(MessageKind.hello, 0, 0, {
    magic: 'dfs', protocol: PROTOCOL_VERSION, role: asked.role, lane: asked.lane,
    ...(asked.cluster === undefined ? {} : { cluster: asked.cluster }),
  }))
  try {
    const message = await answered
    if (message.kind === MessageKind.failure) throw refusal(address, message)
    const parsed = welcome.safeParse(message.header)
    if (message.kind !== MessageKind.welcome || !parsed.success) {
      throw new DfsError('bad-message', `${address} does not speak the protocol of dfs`)
    }
    const { role: found, cluster } = parsed.data
    if (found !== asked.expect) throw new DfsError('invalid', `${address} is a ${found}, not a ${asked.expect}`)
    if (asked.cluster !== undefined && asked.cluster !== cluster) {
      throw new DfsError('wrong-cluster', `${address} belongs to cluster ${cluster}, not ${asked.cluster}`)
    }
    return { link: new Link(connection, outside), cluster }
  } catch (error) {
    connection.close('handshake failed')
    throw error
  }
}

export interface Accepted {
  link: Link
  role: Role
  lane: Lane
}

/**
 * Answers a connection that was just accepted; call it in the turn that handed the connection over.
 * @returns undefined when the other end was refused: it has been told why and the log knows
 */
export async function acceptLink(
  connection: Connection, self: { role: Role, cluster: ClusterId }, outside: Outside,
): Promise<Accepted | undefined> {
  try {
    const message = await firstMessage(connection, outside.clock)
    const parsed = hello.safeParse(message.header)
    if (message.kind !== MessageKind.hello || !parsed.success) throw new DfsError('bad-message', 'no proper hello')
    const { protocol, cluster, role: theirs, lane: asked } = parsed.data
    if (protocol !== PROTOCOL_VERSION) {
      throw new DfsError('wrong-version',
        `this ${self.role} speaks protocol ${String(PROTOCOL_VERSION)}, you speak ${String(protocol)}: upgrade the older one`)
    }
    if (cluster !== undefined && cluster !== self.cluster) {
      throw new DfsError('wrong-cluster', `this ${self.role} belongs to cluster ${self.cluster}, you to ${cluster}`)
    }
    connection.send(encodeMessage(MessageKind.welcome, 0, 0, {
      magic: 'dfs', protocol: PROTOCOL_VERSION, role: self.role, cluster: self.cluster,
    }))
    return { link: new Link(connection, outside), role: theirs, lane: asked }
  } catch (error) {
    const refused = asDfsError(error)
    outside.log.warn({ remote: connection.remote, code: refused.code }, `refused a connection: ${refused.message}`)
    connection.send(encodeMessage(MessageKind.failure, 0, errors[refused.code].number, { message: refused.message }))
    connection.close(refused.message)
    return undefined
  }
}

function refusal(address: string, message: Message): DfsError {
  const header = z.object({ message: z.string() }).safeParse(message.header)
  return new DfsError(errorCodeOf(message.number), `${address}: ${header.success ? header.data.message : 'refused'}`)
}

function firstMessage(connection: Connection, clock: Clock): Promise<Message> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(HANDSHAKE_MS, () => {
      reject(new DfsError('deadline-passed', `${connection.remote} said nothing for ${String(HANDSHAKE_MS)} ms`))
    })
    // A peer may send its first requests right behind its hello: nothing is read until a Link listens.
    connection.onMessage = bytes => {
      timer.cancel()
      connection.onMessage = () => { connection.close('a message before the handshake ended') }
      try {
        resolve(decodeMessage(bytes))
      } catch (error) {
        reject(asDfsError(error))
      }
    }
    connection.onClose = reason => {
      timer.cancel()
      reject(new DfsError('unreachable', `${connection.remote}: ${reason}`))
    }
  })
}
