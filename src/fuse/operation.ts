import type { FileSystem } from '../client/file-system.ts'
import type { Caller } from '../protocol/attributes.ts'
import { asDfsError } from '../protocol/errors.ts'
import type { InodeId } from '../protocol/identifiers.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { errnoOf, type KernelErrno } from './errno.ts'
import type { HandleTable } from './handles.ts'
import type { KernelCache } from './kernel-cache.ts'

/** Everything an operation works with. */
export interface Mount {
  readonly fileSystem: FileSystem
  /** The directory of the file system that the mount shows as its root. */
  readonly root: InodeId
  readonly handles: HandleTable
  readonly cache: KernelCache
  /** Supplementary groups of a process, for permission checks by the master. */
  readonly groupsOf: (pid: number) => number[]
  readonly clock: Clock
  readonly log: Log
}

/** One request of the kernel. */
export interface Request {
  readonly opcode: number
  readonly inode: InodeId
  readonly uid: number
  readonly gid: number
  readonly pid: number
  /** What follows the header. It is used again once the operation has ended. */
  readonly body: Buffer
}

/** What goes back to the kernel. */
export interface Reply {
  parts: readonly Uint8Array[]
  /** The parts are no longer needed, whether the kernel got them or not. */
  answered?: () => void
  /** Takes back what the answer would have given, where the kernel no longer waits for it. */
  unanswered?: () => void
}

export type Outcome = { reply: Reply } | { errno: KernelErrno }

/** A served kind of request. What can be answered at once is: each turn of a promise costs as much as the answer. */
export type Operation = (mount: Mount, request: Request) => Outcome | Promise<Outcome>

/** Where nothing but success is to be told. */
export const done: Reply = { parts: [] }

/** Wraps decode, call, encode: whatever is thrown becomes an errno, and each operation leaves a line at debug. */
export function operation(name: string, run: (mount: Mount, request: Request) => Promise<Reply> | Reply): Operation {
  return (mount, request) => {
    const startedMs = mount.clock.nowMs()
    const succeeded = (reply: Reply): Outcome => {
      mount.log.debug({ operation: name, inode: request.inode, tookMs: mount.clock.nowMs() - startedMs }, name)
      return { reply }
    }
    const failed = (error: unknown): Outcome => {
      const errno = errnoOf(error)
      const facts = { operation: name, inode: request.inode, tookMs: mount.clock.nowMs() - startedMs, errno }
      // An I/O error is what a user will ask about: it must be found in the log without debug lines.
      if (errno === 'EIO') mount.log.warn({ ...facts, error: asDfsError(error) }, `${name} failed`)
      else mount.log.debug(facts, `${name}: ${errno}`)
      return { errno }
    }
    try {
      const reply = run(mount, request)
      return reply instanceof Promise ? reply.then(succeeded, failed) : succeeded(reply)
    } catch (error) {
      return failed(error)
    }
  }
}

/** The process behind a request. Groups are looked up only where somebody other than the superuser asks. */
export function callerOf(mount: Mount, { uid, gid, pid }: Request): Caller {
  return { uid, gid, groups: uid === 0 ? [] : mount.groupsOf(pid) }
}
