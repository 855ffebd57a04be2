import type { InodeId, SessionId } from '../../protocol/identifiers.ts'

export interface Opened {
  inode: InodeId
  count: number
}

/** Who is there, and what they have open. Only that a session exists is journalled. */
export declare class Sessions {
  /** Starts a session. */
  start(host: string): Promise<SessionId>
  /** Takes up a session after a lost connection; `open` replaces what it was thought to hold. @throws 'session-expired' */
  resume(session: SessionId, host: string, open: readonly Opened[]): void
  /** @throws 'session-expired' */
  keepAlive(session: SessionId): void
  end(session: SessionId): Promise<void>
  /** Counts one open; permission was checked before, see namespace/read.ts. @throws 'session-expired', 'stale-handle' */
  open(session: SessionId, inode: InodeId): void
  close(session: SessionId, handles: readonly Opened[]): void
  /** Where the session's client runs; '' when it has not said so since the master started. */
  hostOf(session: SessionId): string
  /** One pass: ends the sessions that have been silent for too long, and collects what nobody holds any more. */
  expire(): Promise<void>
}
