/** What a caller should do with an error. */
type Recovery =
  | 'tell the caller'
  | 'repeat the same request'
  | 'ask the master again'
  | 'try another replica'
  | 'give up the connection'

/**
 * Every error that crosses a wire. Numbers are for ever: a retired one is never used again.
 * Code branches on the name, never on the wording of a message.
 */
export const errors = {
  'not-permitted': { number: 1, errno: 'EPERM', recovery: 'tell the caller' },
  'no-such-entry': { number: 2, errno: 'ENOENT', recovery: 'tell the caller' },
  'access-denied': { number: 3, errno: 'EACCES', recovery: 'tell the caller' },
  'already-exists': { number: 4, errno: 'EEXIST', recovery: 'tell the caller' },
  'not-a-directory': { number: 5, errno: 'ENOTDIR', recovery: 'tell the caller' },
  'is-a-directory': { number: 6, errno: 'EISDIR', recovery: 'tell the caller' },
  'invalid': { number: 7, errno: 'EINVAL', recovery: 'tell the caller' },
  'not-empty': { number: 8, errno: 'ENOTEMPTY', recovery: 'tell the caller' },
  'too-large': { number: 9, errno: 'EFBIG', recovery: 'tell the caller' },
  'name-too-long': { number: 10, errno: 'ENAMETOOLONG', recovery: 'tell the caller' },
  'too-many-links': { number: 11, errno: 'EMLINK', recovery: 'tell the caller' },
  'no-such-attribute': { number: 12, errno: 'ENODATA', recovery: 'tell the caller' },
  'range': { number: 13, errno: 'ERANGE', recovery: 'tell the caller' },
  'stale-handle': { number: 14, errno: 'ESTALE', recovery: 'tell the caller' },
  'no-data-there': { number: 15, errno: 'ENXIO', recovery: 'tell the caller' },
  'not-supported': { number: 16, errno: 'ENOTSUP', recovery: 'tell the caller' },
  'read-only': { number: 17, errno: 'EROFS', recovery: 'tell the caller' },
  'loop': { number: 18, errno: 'ELOOP', recovery: 'tell the caller' },
  'no-space': { number: 19, errno: 'ENOSPC', recovery: 'tell the caller' },
  'not-enough-servers': { number: 20, errno: 'EIO', recovery: 'ask the master again' },
  'no-replica': { number: 21, errno: 'EIO', recovery: 'ask the master again' },
  'disk-full': { number: 22, errno: 'ENOSPC', recovery: 'try another replica' },
  'disk-failed': { number: 23, errno: 'EIO', recovery: 'try another replica' },
  'stale-replica': { number: 24, errno: 'EIO', recovery: 'try another replica' },
  'no-such-replica': { number: 25, errno: 'EIO', recovery: 'try another replica' },
  'corrupt': { number: 26, errno: 'EIO', recovery: 'try another replica' },
  'lease-lost': { number: 27, errno: 'EIO', recovery: 'ask the master again' },
  'replica-failed': { number: 28, errno: 'EIO', recovery: 'ask the master again' },
  'push-unknown': { number: 29, errno: 'EIO', recovery: 'repeat the same request' },
  'chunk-full': { number: 30, errno: 'EIO', recovery: 'ask the master again' },
  'busy': { number: 31, errno: 'EIO', recovery: 'repeat the same request' },
  'session-expired': { number: 32, errno: 'EIO', recovery: 'tell the caller' },
  'outcome-unknown': { number: 33, errno: 'EIO', recovery: 'repeat the same request' },
  'unreachable': { number: 34, errno: 'EIO', recovery: 'repeat the same request' },
  'deadline-passed': { number: 35, errno: 'ETIMEDOUT', recovery: 'repeat the same request' },
  'bad-message': { number: 36, errno: 'EIO', recovery: 'give up the connection' },
  'unknown-method': { number: 37, errno: 'EIO', recovery: 'give up the connection' },
  'wrong-version': { number: 38, errno: 'EIO', recovery: 'give up the connection' },
  'wrong-cluster': { number: 39, errno: 'EIO', recovery: 'give up the connection' },
  'journal-failed': { number: 40, errno: 'EIO', recovery: 'tell the caller' },
  'shutting-down': { number: 41, errno: 'EIO', recovery: 'repeat the same request' },
  'internal': { number: 42, errno: 'EIO', recovery: 'tell the caller' },
  'bad-descriptor': { number: 43, errno: 'EBADF', recovery: 'tell the caller' },
  'bytes-lost': { number: 44, errno: 'EIO', recovery: 'tell the caller' },
} as const satisfies Record<string, { number: number, errno: string, recovery: Recovery }>

export type ErrorCode = keyof typeof errors
export type Errno = (typeof errors)[ErrorCode]['errno']

/** Numbers that once meant something. */
export const retiredErrorNumbers: readonly number[] = []

const codeByNumber = new Map<number, ErrorCode>(
  Object.entries(errors).map(([code, { number }]) => [number, code as ErrorCode]),
)

/** Answers rather than faults: nobody looks for where they came from, and to note that costs more than all else about them. */
const everyday: ReadonlySet<ErrorCode> = new Set(['no-such-entry', 'no-such-attribute', 'already-exists'])

/** The one family of errors of the product. */
export class DfsError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error
    if (everyday.has(code)) Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'DfsError'
    this.code = code
  }

  get errno(): Errno {
    return errors[this.code].errno
  }

  get recovery(): Recovery {
    return errors[this.code].recovery
  }
}

/** The code for a number off the wire; a number from a newer peer becomes 'internal'. */
export function errorCodeOf(number: number): ErrorCode {
  return codeByNumber.get(number) ?? 'internal'
}

/** Any thrown value as a DfsError: ours as it is, anything else as 'internal'. */
export function asDfsError(error: unknown): DfsError {
  if (error instanceof DfsError) return error
  return new DfsError('internal', error instanceof Error ? error.message : String(error), { cause: error })
}

/** Whether `error` is one of ours with one of these codes. */
export function isError(error: unknown, ...codes: ErrorCode[]): error is DfsError {
  return error instanceof DfsError && codes.includes(error.code)
}
