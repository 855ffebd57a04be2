import type { Handlers } from '../protocol/api.ts'
import { chunkControlApi, chunkserverAdminApi, chunkserverApi, chunkserverPeerApi } from '../protocol/chunkserver-api.ts'
import { DfsError } from '../protocol/errors.ts'
import { accept } from './control/accept.ts'
import { copy } from './control/copy.ts'
import { drop } from './control/drop.ts'
import { fence } from './control/fence.ts'
import { grant, revoke } from './control/grant.ts'
import { isUnfinished, patch } from './control/patch.ts'
import { reconcile } from './control/reconcile.ts'
import type { Parts } from './parts.ts'
import { receivePush } from './pipeline/receive.ts'
import { applyAsSecondary } from './primary/apply.ts'
import { commit } from './primary/commit.ts'
import { syncEverywhere, syncHere } from './primary/sync.ts'
import { atLeast, inspect, listReplicas, read } from './read.ts'

const nothing = { reply: {} }

/** What clients and other chunkservers may ask; each method has a file of its own. */
export const clientHandlers: Handlers<typeof chunkserverApi.methods, Parts> = {
  push: async (request, payload, parts) => ({ reply: await receivePush(parts, request, payload) }),
  commit: async (request, payload, parts) => ({ reply: await commit(parts, request, payload) }),
  sync: async (request, _, parts) => ({ reply: await syncEverywhere(parts, request) }),
  read: (request, _, { store }) => read(store, request),
  inspect: async (request, _, { store }) => ({ reply: await inspect(store, request) }),
}

export const adminHandlers: Handlers<typeof chunkserverAdminApi.methods, Parts> = {
  scrubStatus: (_request, _, { scrubber }) => ({ reply: scrubber.status }),
  startScrub: ({ bytesPerS }, _, { scrubber }) => {
    scrubber.order(bytesPerS)
    return { reply: scrubber.status }
  },
  listReplicas: (request, _, { store }) => ({ reply: listReplicas(store, request) }),
}

export const peerHandlers: Handlers<typeof chunkserverPeerApi.methods, Parts> = {
  apply: async (request, payload, parts) => {
    await applyAsSecondary(parts, request, payload)
    return nothing
  },
  syncReplica: async (request, _, parts) => {
    await syncHere(parts, request)
    return nothing
  },
  checksums: ({ chunk, version }, _, { store }) => {
    const replica = atLeast(store, chunk, 0 as typeof version)
    if (isUnfinished(replica)) throw new DfsError('no-such-replica', `chunk ${chunk} has half a replica here`)
    atLeast(store, chunk, version)
    return { reply: { lengthBytes: replica.lengthBytes, blocks: replica.checksums() } }
  },
  patch: async (request, payload, parts) => {
    await patch(parts, request, payload)
    return nothing
  },
}

/** What the master may ask, over the connection that we dialled. */
export const controlHandlers: Handlers<typeof chunkControlApi.methods, Parts> = {
  fence: async (request, _, parts) => ({ reply: await fence(parts, request) }),
  reconcile: async (request, _, parts) => ({ reply: await reconcile(parts, request) }),
  grant: (request, _, parts) => {
    grant(parts, request)
    return nothing
  },
  revoke: async (request, _, parts) => {
    await revoke(parts, request)
    return nothing
  },
  copy: async (request, _, parts) => ({ reply: await copy(parts, request) }),
  drop: async ({ chunks }, _, parts) => ({ reply: { kept: await drop(parts, chunks) } }),
  accept: (request, _, { store }) => {
    accept(store, request)
    return nothing
  },
}

/** The same handlers, with the calls under way counted: a measure of load, and what a clean stop waits for. */
export class Calls {
  #running = 0
  #stopping = false
  #idle: () => void = () => {}

  get running(): number {
    return this.#running
  }

  counted<H extends Readonly<Record<string, (...args: never[]) => unknown>>>(handlers: H): H {
    const count = (handler: (...args: never[]) => unknown) => async (...args: never[]): Promise<unknown> => {
      if (this.#stopping) throw new DfsError('shutting-down', 'this chunkserver is about to stop')
      this.#running++
      try {
        return await handler(...args)
      } finally {
        this.#running--
        if (this.#running === 0) this.#idle()
      }
    }
    return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, count(handler)])) as H
  }

  /** Refuses new calls; resolves when none runs. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#running > 0) await new Promise<void>(resolve => { this.#idle = resolve })
  }
}
