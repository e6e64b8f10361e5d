/** Load on one system: so many connections, each with one request at a time, for so long. */
import { Pool } from 'undici'

export interface Ask {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

export interface Slice {
  requests: number
  /** Answers that are not good, and calls without one. */
  failed: number
  bytes: number
  /** Median time to the end of an answer, in ms. */
  p50Ms: number
  p99Ms: number
}

/** `asks` are sent in turn. */
export async function load(port: number, asks: readonly Ask[], connections: number, forMs: number): Promise<Slice> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1, bodyTimeout: 30_000 })
  const until = performance.now() + forMs
  const took: number[] = []
  let failed = 0
  let bytes = 0
  let next = 0
  const client = async () => {
    while (performance.now() < until) {
      const ask = asks[next++ % asks.length]!
      const began = performance.now()
      try {
        const { statusCode, body } = await pool.request({ ...ask, body: ask.body ?? null })
        for await (const chunk of body) bytes += (chunk as Buffer).length
        if (statusCode < 200 || statusCode >= 300) failed++
      } catch {
        failed++
      }
      took.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: connections }, client))
  await pool.close()
  took.sort((a, b) => a - b)
  const quantile = (q: number) => took[Math.min(took.length - 1, Math.floor(q * took.length))] ?? 0
  return { requests: took.length, failed, bytes, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}
