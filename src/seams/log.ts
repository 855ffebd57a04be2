/** What the product says to its operator: facts first, then a sentence. pino's loggers have this shape. */
export interface Log {
  debug(facts: object, sentence: string): void
  info(facts: object, sentence: string): void
  warn(facts: object, sentence: string): void
  error(facts: object, sentence: string): void
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
