import { readFileSync } from 'node:fs'
import type { Cluster } from '../cluster/harness.ts'

/** The most memory that each process of a cluster was seen to hold, in MB. */
export class MemoryWatch {
  readonly most = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  constructor(cluster: Cluster, everyMs: number) {
    this.#timer = setInterval(() => { this.#look(cluster) }, everyMs)
  }

  #look(cluster: Cluster): void {
    for (const { name, pid } of cluster.processes()) {
      if (pid === null) continue
      try {
        const [, resident = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? []
        this.most.set(name, Math.max(this.most.get(name) ?? 0, Math.round(Number(resident) / 1024)))
      } catch {
        // It has just ended.
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
