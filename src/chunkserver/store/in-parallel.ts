/** Works through all items, at most so many at a time. Rejects with an error once the work under way has ended. */
export async function inParallel<Item>(
  items: Iterable<Item>, atOnce: number, work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  let failed = false
  const worker = async (): Promise<void> => {
    while (!failed) {
      const next = queue.next()
      if (next.done === true) return
      try {
        await work(next.value)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, worker))
  for (const end of ends) {
    if (end.status === 'rejected') throw end.reason
  }
}
