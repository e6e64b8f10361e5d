/** What the routes of wires have in common: the usual kinds, and requests that go through unread. */
import type { Route } from './protocol.ts'

/** `Route` without what follows from the path. */
export type Kind = Pick<Route, 'operation' | 'body' | 'answer'>
export type Unprefixed = Omit<Route, 'prefix'>

export const SUBMIT: Kind = { operation: 'submit', body: 'submission', answer: 'job' }
export const POLL: Kind = { operation: 'poll', body: 'none', answer: 'job' }
export const RESULT: Kind = { operation: 'poll', body: 'none', answer: 'result' }
export const CONTENT: Kind = { operation: 'content', body: 'none', answer: 'bytes' }
export const CANCEL: Kind = { operation: 'cancel', body: 'none', answer: 'deletion' }
export const LIST: Kind = { operation: 'list', body: 'none', answer: 'list' }

export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

export function other(method: string): Kind {
  return { operation: 'other', body: isRead(method) ? 'none' : 'stream', answer: 'bytes' }
}

/** What else can be asked about a job: its answer may name ids. */
export function withIds(method: string): Kind {
  return { ...other(method), answer: 'json' }
}

export function fixed(kind: Kind, path: string): Unprefixed {
  return { ...kind, job: null, upstreamPath: () => path }
}

/** A request that goes through unread. */
export function passed(method: string, path: string): Unprefixed {
  return fixed(other(method), path)
}
