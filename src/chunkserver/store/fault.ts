import { asDfsError, DfsError } from '../../protocol/errors.ts'
import { DiskError } from '../../seams/disk.ts'

const fullCodes = ['ENOSPC', 'EDQUOT']

/** What the disk said, as callers far away may be told. */
export function storeError(error: unknown): DfsError {
  if (!(error instanceof DiskError)) return asDfsError(error)
  return new DfsError(fullCodes.includes(error.code) ? 'disk-full' : 'disk-failed', error.message, { cause: error })
}

/** Runs a call of the disk that does not wait, with its errors made ours. */
export function withStoreErrors<Result>(run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw storeError(error)
  }
}
