/** Resolves when all have. Where some reject, it waits for the rest too, and then rejects with the first one's error. */
export async function allDone(each: readonly Promise<unknown>[]): Promise<void> {
  for (const done of await Promise.allSettled(each)) {
    if (done.status === 'rejected') throw done.reason
  }
}
