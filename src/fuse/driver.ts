/** A mount as its owner holds it, whichever driver serves it. */
export interface DriverMount {
  /** Resolves when it has been unmounted, by us or by anyone; rejects when it could not be served any longer. */
  readonly ended: Promise<void>
  /** Hands over what was written through every open file. */
  flush(): Promise<void>
  /** @param how 'idle' refuses while files are open, 'force' does not, and ends all that is under way @returns whether it worked */
  unmount(how: 'idle' | 'force'): Promise<boolean>
}
