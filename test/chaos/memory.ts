import { readFileSync } from 'node:fs'
import type { Cluster } from '../cluster/harness.ts'

/** The memory of each process of a cluster, in MB. */
export class MemoryWatch {
  /** The most that it ever held. */
  readonly most = new Map<string, number>()
  /** What it held when it was looked at last. */
  readonly now = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  constructor(cluster: Cluster, everyMs: number) {
    this.#timer = setInterval(() => { this.#look(cluster) }, everyMs)
  }

  #look(cluster: Cluster): void {
    for (const { name, pid } of cluster.processes()) {
      if (pid === null) continue
      try {
        const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
        this.most.set(name, Math.max(this.most.get(name) ?? 0, megabytes(status, 'VmHWM')))
        this.now.set(name, megabytes(status, 'VmRSS'))
      } catch {
        // It has just ended.
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

function megabytes(status: string, field: string): number {
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024)
}
