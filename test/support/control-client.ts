/** Calls to the control plane of a gateway under test, and waiting for what it will say. */
import type { ConfigView, HistoryEntry, JobView, ReleaseView, CounterRow } from '../../src/api/index.ts'
import { type Gateway, tokenOf } from './processes.ts'

export interface Answer {
  status: number
  body: unknown
}

/** What is waited for comes within a second or two; only a busy machine needs more, and only a fault needs all. */
const PATIENCE_MS = 120_000

export class ControlClient {
  readonly #gateway: Gateway
  readonly #release: string

  constructor(gateway: Gateway, release: string) {
    this.#gateway = gateway
    this.#release = release
  }

  /** Any call under `/api/v1/releases/NAME`, as an admin; its refusals are answers. */
  async call(method: string, path = '', body?: unknown): Promise<Answer> {
    const url = `${this.#gateway.url}/_sluice/api/v1/releases/${encodeURIComponent(this.#release)}${path}`
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${tokenOf('admin')}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? null : JSON.parse(text) }
  }

  view(): Promise<ReleaseView> {
    return this.#good<ReleaseView>('GET', '')
  }

  act(action: string, more: Record<string, unknown> = {}): Promise<ReleaseView> {
    return this.#good<ReleaseView>('POST', '/actions', { action, reason: 'test', ...more })
  }

  /** Newest first, all pages. */
  async history(): Promise<HistoryEntry[]> {
    const all: HistoryEntry[] = []
    let cursor = ''
    for (;;) {
      const page = await this.#good<{ items: HistoryEntry[]; next: string | null }>('GET', `/history${cursor}`)
      all.push(...page.items)
      if (page.next === null) return all
      cursor = `?cursor=${encodeURIComponent(page.next)}`
    }
  }

  config(): Promise<ConfigView> {
    return this.#good<ConfigView>('GET', '/config')
  }

  /** Up to a hundred, newest first. */
  async jobs(): Promise<JobView[]> {
    return (await this.#good<{ items: JobView[] }>('GET', '/jobs?limit=100')).items
  }

  async counters(fromMs: number): Promise<CounterRow[]> {
    const from = encodeURIComponent(new Date(fromMs).toISOString())
    return (await this.#good<{ items: CounterRow[] }>('GET', `/counters?from=${from}`)).items
  }

  /** Asks until `holds`; rejects with the last view after `withinMs`. */
  async until(what: string, holds: (view: ReleaseView) => boolean, withinMs = PATIENCE_MS): Promise<ReleaseView> {
    return eventually(what, () => this.view(), holds, withinMs)
  }

  async #good<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call(method, path, body)
    if (answer.status !== 200)
      throw new Error(`${method} ${path || 'release'}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body as T
  }
}

/** What `read` says once it has said the same for twenty answers in a row, which is two seconds and more. */
export async function standsStill<T>(what: string, read: () => Promise<T> | T, withinMs = PATIENCE_MS): Promise<T> {
  let last = ''
  let times = 0
  return eventually(
    `${what} stands still`,
    read,
    (value) => {
      const now = JSON.stringify(value)
      times = now === last ? times + 1 : 1
      last = now
      return times >= 20
    },
    withinMs,
  )
}

/** Asks `read` every 100 ms until `holds`; rejects with what was read last. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T> | T,
  holds: (value: T) => boolean,
  withinMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    if (Date.now() > deadline)
      throw new Error(`${what} did not come true in ${withinMs} ms; last: ${JSON.stringify(value).slice(0, 2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
