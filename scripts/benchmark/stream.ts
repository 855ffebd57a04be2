import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { patternBytes } from './bytes.ts'

export const MiB = 1024 * 1024

export interface Stream {
  kind: 'write' | 'rewrite' | 'read'
  file: string
  bytes: number
  seed: number
}

/** Moves a file's bytes once from front to back in blocks of 1 MiB, and to stable storage after writing. */
export function runStream({ kind, file, bytes, seed }: Stream): void {
  const block = patternBytes(MiB, seed)
  const fd = openSync(file, kind === 'write' ? 'w' : kind === 'rewrite' ? 'r+' : 'r')
  try {
    for (let offset = 0; offset < bytes; offset += MiB) {
      if (kind !== 'read') {
        let written = 0
        while (written < MiB) written += writeSync(fd, block, written, MiB - written, offset + written)
      } else if (readSync(fd, block, 0, MiB, offset) !== MiB) {
        throw new Error(`${file} ended early at ${String(offset)}`)
      }
    }
    if (kind !== 'read') fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * The same in several threads at once.
 * @returns seconds from the moment all threads stood ready until the last one was done
 */
export async function runStreams(streams: readonly Stream[]): Promise<number> {
  const workers = streams.map(stream => new Worker(import.meta.filename, { workerData: stream }))
  await Promise.all(workers.map(worker => next(worker)))
  const startedMs = performance.now()
  for (const worker of workers) worker.postMessage('go')
  await Promise.all(workers.map(worker => next(worker)))
  return (performance.now() - startedMs) / 1_000
}

/** The next message of a worker: 'ready', then 'done'. */
function next(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => { resolve() })
    worker.once('error', reject)
  })
}

const boss = parentPort
boss?.once('message', () => {
  runStream(workerData as Stream)
  boss.postMessage('done')
})
boss?.postMessage('ready')
