/**
 * What Cloudflare publishes of the Workers Paid plan: prices, what is included, and the limits of an object. From
 * developers.cloudflare.com/workers/platform/pricing and /durable-objects/platform/{pricing,limits}, as of November 2026.
 */

/** One line of the bill, in US dollars a month. */
export interface Price {
  /** Used up before anything is paid, and what a price is for. */
  included: number
  per: number
  dollars: number
}

export const BASE_DOLLARS = 5

const PRICES = {
  workerRequests: { included: 10e6, per: 1e6, dollars: 0.3 },
  cpuMs: { included: 30e6, per: 1e6, dollars: 0.02 },
  /** Each call of a stub and each alarm is one. */
  objectRequests: { included: 1e6, per: 1e6, dollars: 0.15 },
  gbSeconds: { included: 400e3, per: 1e6, dollars: 12.5 },
  /** Of tables and of indexes alike; `setAlarm` is one, too. */
  rowsWritten: { included: 50e6, per: 1e6, dollars: 1 },
  rowsRead: { included: 25e9, per: 1e6, dollars: 0.001 },
  storedGb: { included: 5, per: 1, dollars: 0.2 },
} as const satisfies Record<string, Price>

export type Usage = Record<keyof typeof PRICES, number>

/** What an object is billed for while it is active, whatever it uses. */
export const OBJECT_GB = 0.125
/** Cloudflare's soft limit; beyond it calls queue, and then fail. */
export const MOST_OBJECT_REQUESTS = 1000
export const MOST_OBJECT_GB = 10
/** Of one request on the Free plan; the Paid one has 10,000. */
export const MOST_SUBREQUESTS_FREE = 50

function dollarsOf({ included, per, dollars }: Price, used: number): number {
  return (Math.max(0, used - included) / per) * dollars
}

/** Each line of the bill for a month, and all of it. */
export function billOf(usage: Usage): { lines: Record<keyof Usage, number>; total: number } {
  const entries = Object.entries(PRICES) as [keyof Usage, Price][]
  const lines = Object.fromEntries(entries.map(([name, price]) => [name, dollarsOf(price, usage[name])]))
  return {
    lines: lines as Record<keyof Usage, number>,
    total: BASE_DOLLARS + Object.values(lines).reduce((sum, line) => sum + line, 0),
  }
}
