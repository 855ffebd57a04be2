import type { z } from 'zod'

/** What a method takes and gives. Bytes travel beside the header when `payload` says so. */
export interface Method {
  /** Never reused: see `retired`. */
  readonly number: number
  readonly request: z.ZodType
  readonly reply: z.ZodType
  /** Which of the two carries bytes beside its header. */
  readonly payload: 'none' | 'request' | 'reply' | 'both'
}

export type Methods = Readonly<Record<string, Method>>

/** The methods one side offers. Method numbers are unique over all APIs, since one link serves several. */
export interface Api<M extends Methods = Methods> {
  readonly name: string
  readonly methods: M
  /** Method numbers that once meant something. */
  readonly retired: readonly number[]
}

export type RequestOf<M extends Method> = z.infer<M['request']>
export type ReplyOf<M extends Method> = z.infer<M['reply']>

/** A reply with the bytes beside it. */
export interface Answer<Reply> {
  reply: Reply
  payload: Buffer
}

/** What a handler gives: the reply, and bytes where the method has them. */
export interface Given<Reply> {
  reply: Reply
  payload?: readonly Uint8Array[]
  /** The payload's memory is of no use to anybody once it has left: it is recycled (see seams/payloads.ts). */
  spent?: boolean
}

/** One function for each method: a forgotten one does not compile. */
export type Handlers<M extends Methods, Context> = {
  readonly [Name in keyof M]: (
    request: RequestOf<M[Name]>, payload: Buffer, context: Context,
  ) => Promise<Given<ReplyOf<M[Name]>>> | Given<ReplyOf<M[Name]>>
}

/** Declares one method. */
export function method<Request extends z.ZodType, Reply extends z.ZodType>(
  number: number, request: Request, reply: Reply, payload: Method['payload'] = 'none',
): { number: number, request: Request, reply: Reply, payload: Method['payload'] } {
  return { number, request, reply, payload }
}

export function defineApi<M extends Methods>(name: string, methods: M, retired: readonly number[] = []): Api<M> {
  return { name, methods, retired }
}
