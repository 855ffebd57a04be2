/** The master's mutations in their order, on storage that outlives it. */
export interface Journal {
  /** The index the next entry gets; the first of all is 1. */
  readonly nextIndex: number
  /** Bytes behind the last roll. */
  readonly bytesSinceRoll: number
  /**
   * Appends entries under the next indexes; one call at a time. They are durable when this resolves.
   * @throws DfsError 'journal-failed': nothing more can be appended, and whether these were is unknown
   */
  append(entries: readonly unknown[]): Promise<void>
  /** Puts a boundary here, for {@link forgetBefore}. */
  roll(): Promise<void>
  /** Drops entries below the index, as far as boundaries allow. A durable checkpoint has them. */
  forgetBefore(index: number): Promise<void>
  close(): Promise<void>
}

/** Gets recovered entries in order, as they were appended together. */
export type Visit = (firstIndex: number, entries: unknown[]) => void
