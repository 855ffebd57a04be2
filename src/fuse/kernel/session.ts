import type { FileSystem } from '../../client/file-system.ts'
import type { InodeId } from '../../protocol/identifiers.ts'
import type { Clock, Timer } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import { pause } from '../../seams/clock.ts'
import { inodeOf } from '../decoding.ts'
import { nodeOf } from '../encoding.ts'
import { errnoNumber, type KernelErrno } from '../errno.ts'
import { HandleTable } from '../handles.ts'
import { KernelCache } from '../kernel-cache.ts'
import type { Mount, Outcome, Reply } from '../operation.ts'
import { operations } from '../operations/index.ts'
import { RequestBuffers } from './buffers.ts'
import { codeOf, type Device } from './device.ts'
import { batchForgetIn, forgetIn, forgetOne, inHeader, interruptIn, Opcode, outHeader } from './messages.ts'
import { negotiate } from './negotiate.ts'
import { Notices } from './notices.ts'
import { groupsOf, isDying } from './process-status.ts'

export interface SessionParts {
  device: Device
  fileSystem: FileSystem
  /** The directory that the mount shows. */
  root: InodeId
  clock: Clock
  log: Log
}

/** How long a process that handles its signals waits for an interrupted operation, in ms. A dying one does not. */
const INTERRUPT_GRACE_MS = 2_000
/** Before the kernel has mounted anything the device answers EPERM; then it is asked again, after this many ms. */
const NOT_MOUNTED_MS = 2

interface InFlight {
  pid: number
  interruptTimer?: Timer
}

/** The conversation with the kernel about one mount, from INIT to the unmount. */
export class KernelSession {
  readonly mount: Mount
  readonly notices: Notices
  readonly #device: Device
  readonly #clock: Clock
  readonly #log: Log
  readonly #buffers = new RequestBuffers()
  readonly #inFlight = new Map<number, InFlight>()
  #ending = false

  constructor({ device, fileSystem, root, clock, log }: SessionParts) {
    this.#device = device
    this.#clock = clock
    this.#log = log
    this.notices = new Notices(device, inode => nodeOf(root, inode), log)
    this.mount = {
      fileSystem, root, clock, log, groupsOf, handles: new HandleTable(), cache: new KernelCache(this.notices),
    }
  }

  /** Serves until the unmount, then closes what is still open. @param onReady called when the kernel has our INIT */
  async serve(onReady: () => void): Promise<void> {
    if (await this.#handshake()) {
      onReady()
      await this.#device.receiveAll(() => this.#buffers.take(), (buffer, bytes) => { this.#dispatch(buffer, bytes) })
    }
    this.end()
    await this.closeHandles()
  }

  /** Stops waiting for a kernel that never mounts. */
  end(): void {
    this.#ending = true
    for (const { interruptTimer } of this.#inFlight.values()) interruptTimer?.cancel()
  }

  /** Hands over what was written through every open file. */
  async flush(): Promise<void> {
    for (const { file, writable, inode } of this.mount.handles.files()) {
      if (!writable) continue
      try {
        await file.flush()
      } catch (error) {
        this.#log.error({ error, inode }, 'bytes written to an open file could not be handed over')
      }
    }
  }

  /** Closes what the kernel had no time to release. */
  async closeHandles(): Promise<void> {
    await Promise.all(this.mount.handles.files().map(async ({ file, inode }) => {
      try {
        await file.close()
      } catch (error) {
        this.#log.error({ error, inode }, 'closing failed: bytes may be lost')
      }
    }))
  }

  async #handshake(): Promise<boolean> {
    const buffer = this.#buffers.take()
    for (;;) {
      const bytes = await this.#first(buffer)
      if (bytes === undefined) return false
      const header = inHeader.decode(buffer)
      const negotiated = header.opcode === Opcode.init
        ? negotiate(buffer.subarray(inHeader.sizeBytes, bytes))
        : { refusal: 'the kernel did not begin with INIT' }
      if ('refusal' in negotiated) {
        this.#answerErrno(header.unique, 'EPROTO')
        throw new Error(negotiated.refusal)
      }
      this.#answer(header.unique, { parts: [negotiated.answer] })
      this.#buffers.giveBack(buffer)
      return true
    }
  }

  /** The first request; undefined after the unmount. */
  async #first(buffer: Buffer): Promise<number | undefined> {
    for (;;) {
      try {
        return await this.#device.receiveFirst(buffer)
      } catch (error) {
        switch (codeOf(error)) {
          case 'ENODEV':
          case 'EBADF': return undefined
          // ENOENT: the request was taken back while we read it.
          case 'EINTR':
          case 'EAGAIN':
          case 'ENOENT': continue
          case 'EPERM':
            if (this.#ending) return undefined
            await pause(this.#clock, NOT_MOUNTED_MS)
            continue
          default: throw error
        }
      }
    }
  }

  #dispatch(buffer: Buffer<ArrayBuffer>, bytes: number): void {
    const header = inHeader.decode(buffer)
    const body = buffer.subarray(inHeader.sizeBytes, bytes - header.totalExtlen * 8)
    const inode = inodeOf(this.mount.root, header.nodeid)
    const operation = operations.get(header.opcode)
    if (operation === undefined) {
      this.#dispatchRest(header, inode, body)
      this.#buffers.giveBack(buffer)
      return
    }
    const { unique, opcode, uid, gid, pid } = header
    const outcome = operation(this.mount, { opcode, inode, uid, gid, pid, body })
    if (outcome instanceof Promise) {
      this.#inFlight.set(unique, { pid })
      void outcome.then(later => {
        this.#finish(unique, later)
        this.#buffers.giveBack(buffer)
      })
    } else {
      this.#tell(unique, outcome)
      this.#buffers.giveBack(buffer)
    }
  }

  /** What needs no operation: bookkeeping that gets no answer, and what is not served. */
  #dispatchRest({ opcode, unique }: { opcode: number, unique: number }, inode: InodeId, body: Buffer): void {
    switch (opcode) {
      case Opcode.forget:
        this.mount.cache.forget(inode, forgetIn.decode(body).nlookup)
        return
      case Opcode.batchForget: {
        const { count } = batchForgetIn.decode(body)
        for (let index = 0; index < count; index++) {
          const { nodeid, nlookup } = forgetOne.decode(body, batchForgetIn.sizeBytes + index * forgetOne.sizeBytes)
          this.mount.cache.forget(inodeOf(this.mount.root, nodeid), nlookup)
        }
        return
      }
      case Opcode.interrupt:
        this.#interrupt(unique, interruptIn.decode(body).unique)
        return
      case Opcode.destroy:
        this.#answer(unique, { parts: [] })
        return
      case Opcode.ioctl:
        this.#answerErrno(unique, 'ENOTTY')
        return
      default:
        this.#answerErrno(unique, 'ENOSYS')
    }
  }

  #finish(unique: number, outcome: Outcome): void {
    const inFlight = this.#inFlight.get(unique)
    if (inFlight === undefined) {
      // Interrupted, and answered then.
      if ('reply' in outcome) {
        outcome.reply.unanswered?.()
        outcome.reply.answered?.()
      }
      return
    }
    this.#inFlight.delete(unique)
    inFlight.interruptTimer?.cancel()
    this.#tell(unique, outcome)
  }

  #tell(unique: number, outcome: Outcome): void {
    if ('errno' in outcome) this.#answerErrno(unique, outcome.errno)
    else this.#answer(unique, outcome.reply)
  }

  /**
   * A signal came for a process that waits for us. One that is about to die is let go at once. One that handles the signal
   * is let go only when the operation hangs: programs meet EINTR from stat(2) or open(2) nowhere else, and few expect it.
   */
  #interrupt(unique: number, target: number): void {
    const inFlight = this.#inFlight.get(target)
    if (inFlight === undefined) {
      // Answered meanwhile, or overtaken on the way to us: then the kernel sends it again.
      this.#answerErrno(unique, 'EAGAIN')
      return
    }
    const letGo = (): void => {
      this.#inFlight.delete(target)
      this.#answerErrno(target, 'EINTR')
    }
    if (isDying(inFlight.pid)) letGo()
    else inFlight.interruptTimer ??= this.#clock.after(INTERRUPT_GRACE_MS, letGo)
  }

  #answer(unique: number, { parts, unanswered, answered }: Reply): void {
    let len: number = outHeader.sizeBytes
    for (const part of parts) len += part.length
    try {
      this.#device.send([outHeader.encode({ len, unique }), ...parts])
    } catch (error) {
      unanswered?.()
      const code = codeOf(error)
      // The process was killed and its request taken back, or the mount is gone.
      if (code === 'ENOENT' || code === 'ENODEV') return
      this.#log.error({ error, unique }, 'the kernel refused an answer')
      this.#answerErrno(unique, 'EIO')
    } finally {
      answered?.()
    }
  }

  #answerErrno(unique: number, errno: KernelErrno): void {
    try {
      this.#device.send([outHeader.encode({ len: outHeader.sizeBytes, error: -errnoNumber(errno), unique })])
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'ENOENT' && code !== 'ENODEV') this.#log.error({ error, unique }, 'the kernel refused an errno')
    }
  }
}
