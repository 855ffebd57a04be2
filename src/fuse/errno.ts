import { constants } from 'node:os'
import { asDfsError, type Errno } from '../protocol/errors.ts'

const numbers: Partial<Record<string, number>> = constants.errno

/** What only the kernel's side of the adapter says: requests that make no sense to it, or that it will not serve. */
export type KernelErrno = Errno | 'ENOSYS' | 'ENOTTY' | 'EINTR' | 'EAGAIN' | 'EPROTO'

/** The number of an errno on this machine. */
export function errnoNumber(errno: KernelErrno): number {
  return numbers[errno] ?? constants.errno.EIO
}

/** An answer that the kernel wants and that no part of the file system would give. */
export class KernelRefusal extends Error {
  readonly errno: KernelErrno
  constructor(errno: KernelErrno, message: string) {
    super(message)
    this.name = 'KernelRefusal'
    this.errno = errno
  }
}

/** The errno for anything an operation threw. */
export function errnoOf(error: unknown): KernelErrno {
  return error instanceof KernelRefusal ? error.errno : asDfsError(error).errno
}
