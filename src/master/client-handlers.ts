import type { Handlers } from '../protocol/api.ts'
import type { Attributes } from '../protocol/attributes.ts'
import { DfsError } from '../protocol/errors.ts'
import type { ChunkIndex, InodeId, SessionId } from '../protocol/identifiers.ts'
import type { masterApi } from '../protocol/master-api.ts'
import type { ClientLink } from './client-link.ts'
import { lease } from './chunks/lease.ts'
import { locate, locateNow } from './chunks/locate.ts'
import { listTrash, trashed } from './namespace/list-trash.ts'
import { offer } from './chunks/offer.ts'
import * as read from './namespace/read.ts'
import { chunkservers, drain, forget } from './servers/retire.ts'
import { fileInfo, orphans, status, totals, type StatusParts } from './status.ts'

/** How long clients may go on with attributes and entries they have read, in ms. */
const CACHE_MS = 1_000

/** What the master does for clients. Mutations go through the journal; reads are answered from what is applied. */
export function clientHandlers(parts: StatusParts): Handlers<typeof masterApi.methods, ClientLink> {
  const { core, chunks, leftovers } = parts
  const { state, sessions } = core
  const newSince = state.nextChunk
  const hostOf = (session: SessionId): string | undefined => sessions.hostOf(session) || undefined
  const file = (inode: InodeId): void => {
    if (state.fileOf(inode) === undefined) throw new DfsError('stale-handle', `there is no file ${inode}`)
  }
  /** What a change has touched, as it is now; what is gone is left out. */
  const touched = (...inodes: (InodeId | undefined)[]): { touched: Attributes[] } => ({
    touched: [...new Set(inodes)].flatMap(inode => inode === undefined ? [] : read.attributesIfThere(state, inode) ?? []),
  })
  return {
    make: async request => ({ reply: { ...await core.submit('make', request), ...touched(request.parent) } }),
    link: async request => ({ reply: { ...await core.submit('link', request), ...touched(request.parent) } }),
    unlink: async request => {
      const victim = state.entry(request.parent, request.name)
      await core.submit('unlink', request)
      return { reply: touched(request.parent, victim) }
    },
    removeDirectory: async request => {
      await core.submit('removeDirectory', request)
      return { reply: touched(request.parent) }
    },
    rename: async request => {
      const { from, to } = request
      const moved = state.entry(from.parent, from.name)
      const replaced = state.entry(to.parent, to.name)
      await core.submit('rename', request)
      return { reply: touched(from.parent, to.parent, moved, replaced) }
    },
    setAttributes: async request => ({ reply: await core.submit('setAttributes', request) }),
    setXattr: async request => ({ reply: await core.submit('setXattr', request) }),
    removeXattr: async request => ({ reply: await core.submit('removeXattr', request) }),
    settle: async request => ({ reply: await core.submit('settle', request) }),
    create: async request => {
      const made = await core.submit('create', request)
      await leftovers.underWay(made.inode)
      const isSure = state.isUnwritten(made.inode) && !core.isCollecting(made.inode)
      const first = isSure ? state.chunkAt(made.inode, 0 as ChunkIndex) : undefined
      const lease = first && offer(chunks, first, { near: hostOf(request.stamp.session), newSince })
      return { reply: { ...made, ...touched(request.parent), ...(lease === undefined ? {} : { lease }) } }
    },
    dropChunks: async request => ({ reply: await core.submit('dropChunks', request) }),
    restore: async request => ({ reply: await core.submit('restore', request) }),
    purge: async request => ({ reply: await core.submit('purge', request) }),

    startSession: async ({ resume, open, host }, _payload, from) => {
      if (resume !== undefined) sessions.resume(resume, host, open)
      const session = resume ?? await sessions.start(host)
      from.began(session)
      return { reply: { session, keepAliveMs: Math.round(chunks.config.sessionMs / 4), cacheMs: CACHE_MS } }
    },
    keepAlive: ({ session }) => {
      sessions.keepAlive(session)
      return { reply: {} }
    },
    endSession: async ({ session }) => {
      await sessions.end(session)
      return { reply: {} }
    },

    lookup: request => ({ reply: read.lookup(state, request) }),
    attributes: request => ({ reply: read.attributes(state, request) }),
    readLink: request => ({ reply: read.readLink(state, request) }),
    readDirectory: async request => ({ reply: await parts.listings.run(() => read.readDirectory(state, request)) }),
    parentOf: request => ({ reply: read.parentOf(state, request) }),
    getXattr: request => ({ reply: { value: new Uint8Array(read.getXattr(state, request).value) } }),
    listXattrs: request => ({ reply: read.listXattrs(state, request) }),
    totals: () => ({ reply: totals(parts) }),
    trashed: request => ({ reply: trashed(state, request) }),
    listTrash: request => ({ reply: listTrash(state, request, chunks.clock.wallNs()) }),

    open: async request => {
      if (request.write) await leftovers.underWay(request.inode)
      const attributes = read.checkOpen(state, request)
      sessions.open(request.session, request.inode)
      if (!request.read) return { reply: attributes }
      const [first] = locateNow(chunks, state.chunksOf(request.inode, 0 as ChunkIndex, 1), hostOf(request.session))
      return { reply: { ...attributes, ...(first === undefined ? {} : { first }) } }
    },
    close: ({ session, handles }) => {
      sessions.close(session, handles)
      return { reply: {} }
    },

    locate: async ({ session, inode, first, count }) => {
      file(inode)
      return { reply: { chunks: await locate(chunks, () => state.chunksOf(inode, first, count), hostOf(session)) } }
    },
    lease: async request => {
      file(request.inode)
      sessions.keepAlive(request.stamp.session)
      for (const suspect of request.suspects) chunks.servers.doubt(chunks.servers.get(suspect))
      return leftovers.granting(request.inode, async () => {
        const [found] = state.chunksOf(request.inode, request.index, 1)
        // One that was made with the file goes with its last handle, unless it is journalled that it is wanted.
        const sure = request.index === 0 && state.isUnwritten(request.inode) ? undefined : found?.chunk
        return { reply: await lease(chunks, request, sure, hostOf(request.stamp.session)) }
      })
    },
    reportReplica: ({ chunk, server, problem }) => {
      const found = chunks.servers.get(server)
      if (found === undefined) return { reply: {} }
      // A server checks what it reads itself and tells us what is corrupt: a client's word changes nothing about replicas.
      if (problem === 'unreachable') chunks.servers.doubt(found)
      chunks.log.warn({ chunk, server, problem }, 'a client could not read a replica')
      return { reply: {} }
    },

    chunkservers: () => ({ reply: chunkservers(parts) }),
    drain: async request => ({ reply: await drain(parts, request) }),
    forget: async request => ({ reply: await forget(parts, request) }),

    balance: () => ({ reply: parts.balancer.status() }),
    startBalance: order => {
      parts.balancer.start(order)
      return { reply: parts.balancer.status() }
    },
    stopBalance: () => {
      parts.balancer.stop()
      return { reply: parts.balancer.status() }
    },

    status: () => ({ reply: status(parts) }),
    fileInfo: async request => {
      // Until then what is missing may only be late.
      await chunks.settling.settled()
      return { reply: fileInfo(parts, request) }
    },
    orphans: request => ({ reply: orphans(parts, request) }),
  }
}
