import type { ReplicaReport } from '../protocol/chunks.ts'
import type { ChunkId } from '../protocol/identifiers.ts'
import { limits } from '../protocol/limits.ts'

/** What one heartbeat tells of replicas. */
export interface ChangePage {
  changed: ReplicaReport[]
  gone: ChunkId[]
}

/** Replicas that came, changed or went since the master last heard of them; only the latest news of each. */
export class Changes {
  readonly #news = new Map<ChunkId, ReplicaReport | 'gone'>()
  #listener: () => void = () => {}

  /** Calls `listener` whenever there is something new. */
  onNews(listener: () => void): void {
    this.#listener = listener
  }

  get size(): number {
    return this.#news.size
  }

  replica(report: ReplicaReport): void {
    this.#news.set(report.chunk, report)
    this.#listener()
  }

  gone(chunk: ChunkId): void {
    this.#news.set(chunk, 'gone')
    this.#listener()
  }

  /** A full report makes all of it known. */
  clear(): void {
    this.#news.clear()
  }

  /** Takes as much as fits into one heartbeat. */
  take(): ChangePage {
    const page: ChangePage = { changed: [], gone: [] }
    for (const [chunk, news] of this.#news) {
      if (page.changed.length + page.gone.length >= limits.reportPageMax) break
      if (news === 'gone') page.gone.push(chunk)
      else page.changed.push(news)
      this.#news.delete(chunk)
    }
    return page
  }
}
