import { Packr } from 'msgpackr'
import { DfsError, type ErrorCode } from '../protocol/errors.ts'
import type { SessionId } from '../protocol/identifiers.ts'
import type { Stamp } from '../protocol/master-api.ts'
import type { Decided, Effects, Entry, EntryKind, EntryReply, EntryRequest } from './entries.ts'
import { allocateChunk } from './namespace/allocate-chunk.ts'
import { collect, trim } from './namespace/collect.ts'
import { create } from './namespace/create.ts'
import { cutTail } from './namespace/cut-tail.ts'
import { dropChunks } from './namespace/drop-chunks.ts'
import { link } from './namespace/link.ts'
import { makeRoot } from './namespace/make-root.ts'
import { make } from './namespace/make.ts'
import { expireTrash, purge } from './namespace/purge.ts'
import { removeDirectory } from './namespace/remove-directory.ts'
import { removeXattr } from './namespace/remove-xattr.ts'
import { rename } from './namespace/rename.ts'
import { restore } from './namespace/restore.ts'
import { setAttributes } from './namespace/set-attributes.ts'
import { setXattr } from './namespace/set-xattr.ts'
import { settle } from './namespace/settle.ts'
import { unlink } from './namespace/unlink.ts'
import type { MasterState } from './state/index.ts'

type Apply<Kind extends EntryKind> = (
  state: MasterState, request: EntryRequest<Kind>, decided: Decided, effects: Effects,
) => EntryReply<Kind>

/**
 * What each kind of entry does. All are synchronous, take everything from the entry and the state, and check before
 * they change anything: a refusal leaves the state as it was.
 */
const appliers: { readonly [Kind in EntryKind]: Apply<Kind> } = {
  make, link, unlink, removeDirectory, rename, setAttributes, setXattr, removeXattr, settle, create, dropChunks,
  restore, purge, allocateChunk, collect, cutTail, trim, expireTrash, makeRoot,
  setChunkVersion: (state, { chunk, version, doubtful }) => {
    const record = state.chunk(chunk)
    if (record === undefined || record.version >= version) return { applied: false }
    state.setChunkVersion(chunk, version, { doubtful })
    return { applied: true }
  },
  reserveVersions: (state, { upTo }) => {
    state.raiseVersionBound(upTo)
    return {}
  },
  setDraining: (state, { servers, draining }) => {
    for (const server of servers) state.setDraining(server, draining)
    return {}
  },
  startSession: (state, _request, { newId }) => {
    const session = newId as SessionId
    state.addSession(session)
    return { session }
  },
  endSession: (state, { session }) => {
    if (state.hasSession(session)) state.removeSession(session)
    return {}
  },
}

export type Outcome =
  | { ok: true, reply: unknown }
  | { ok: false, code: ErrorCode, message: string }

/** Runs one entry. @throws DfsError what it is refused with */
export function run<Kind extends EntryKind>(state: MasterState, entry: Entry<Kind>, effects: Effects): EntryReply<Kind> {
  return appliers[entry.kind](state, entry.request, entry.decided, effects)
}

/** Applies one entry of the journal, and keeps its outcome for a client that asks again. */
export function apply(state: MasterState, entry: Entry, effects: Effects): Outcome {
  const stamp = stampOf(entry)
  if (stamp === undefined) return outcomeOf(() => run(state, entry, effects))
  if (!state.hasSession(stamp.session)) return expired(stamp)
  const before = rememberedOutcome(state, stamp)
  if (before !== undefined) return before
  const outcome = outcomeOf(() => run(state, entry, effects))
  state.remember(stamp, packr.pack(outcome.ok ? [null, outcome.reply] : [outcome.code, outcome.message]))
  return outcome
}

/** What makes an entry happen once. Allocating a chunk needs none: doing it again finds the chunk there. */
export function stampOf({ kind, request }: Pick<Entry, 'kind' | 'request'>): Stamp | undefined {
  return kind !== 'allocateChunk' && 'stamp' in request ? request.stamp : undefined
}

export function expired({ session }: Pick<Stamp, 'session'>): Outcome {
  return { ok: false, code: 'session-expired', message: `session ${String(session)} is not known here` }
}

/** The outcome of a mutation that came before under the same stamp. */
export function rememberedOutcome(state: MasterState, stamp: Stamp): Outcome | undefined {
  const bytes = state.rememberedResult(stamp)
  if (bytes === undefined) return undefined
  if (bytes === null) return { ok: false, code: 'invalid', message: 'a late duplicate: its answer has been received' }
  const [code, value] = packr.unpack(bytes) as [ErrorCode | null, unknown]
  return code === null ? { ok: true, reply: value } : { ok: false, code, message: String(value) }
}

const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true })

function outcomeOf(run: () => unknown): Outcome {
  try {
    return { ok: true, reply: run() }
  } catch (error) {
    if (!(error instanceof DfsError)) throw error
    return { ok: false, code: error.code, message: error.message }
  }
}
