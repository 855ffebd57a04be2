import { SingleBar } from 'cli-progress'
import type { Machine } from '../context.ts'
import { sizeText } from '../wording.ts'

/** How far a copy has come. */
export interface Progress {
  /** So many more bytes are to be copied. */
  expect(bytes: number): void
  /** So many have been. */
  advance(bytes: number): void
  end(): void
}

/** A bar on standard error where a person watches, nothing elsewhere. */
export function progressFor({ watched, stderr }: Machine, title: string): Progress {
  if (!watched) return { expect() {}, advance() {}, end() {} }
  const bar = new SingleBar({
    format: `${title} [{bar}] {percentage} % {done} of {all}, {eta_formatted} left`,
    stream: stderr, hideCursor: true, clearOnComplete: true,
  })
  let expected = 0
  let done = 0
  const texts = (): { done: string, all: string } => ({ done: sizeText(done), all: sizeText(expected) })
  bar.start(0, 0, texts())
  return {
    expect: bytes => {
      expected += bytes
      bar.setTotal(expected)
    },
    advance: bytes => {
      done += bytes
      bar.update(done, texts())
    },
    end: () => { bar.stop() },
  }
}
