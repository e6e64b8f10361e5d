/** The three calls of an evaluator: list pairs, fetch a video from its backend, post signals. */
import type { Measured } from './measure.ts'

const url = (process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8787').replace(/\/$/, '')
const authorization = `Bearer ${process.env['SLUICE_TOKEN'] ?? ''}`
const MOST_BYTES = 1 << 30
const TIMEOUT_MS = 60_000
const ROWS_A_CALL = 1000

export const ARMS = ['control', 'candidate'] as const
export type Arm = (typeof ARMS)[number]

interface Side {
  url: string
  status: string
}

export interface Pair {
  job_id: string
  control: Side
  candidate: Side
  at: string
}

export interface Row {
  release: string
  arm: Arm
  metric: string
  value: number
  job_id: string
  /** The same pair measured again is not counted again. */
  id: string
}

/** Pairs of which both videos are there, newest first, `most` at most. The pages come ledger by ledger. */
export async function finishedPairs(release: string, most: number): Promise<Pair[]> {
  const finished: Pair[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query = new URLSearchParams({ limit: '100', ...(cursor === '' ? {} : { cursor }) })
    const page = (await asked(`/releases/${encodeURIComponent(release)}/pairs?${query}`)) as {
      items: Pair[]
      next: string | null
    }
    finished.push(...page.items.filter((pair) => ARMS.every((arm) => pair[arm].status === 'succeeded')))
    cursor = page.next
  }
  return finished.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, most)
}

/** Candidate's likeness to control is one value of the pair; steadiness is one of each side, which the report compares. */
export function rowsOf(release: string, jobId: string, { likeness, steadiness }: Measured): Row[] {
  const row = (arm: Arm, metric: string, value: number) => {
    return { release, arm, metric, value, job_id: jobId, id: `evaluator:${jobId}` }
  }
  return [
    ...Object.entries(likeness).map(([metric, value]) => row('candidate', metric, value)),
    ...ARMS.flatMap((arm) =>
      Object.entries(steadiness[arm]).map(([metric, value]) => row(arm, `temporal_${metric}`, value)),
    ),
  ]
}

/** How many rows were taken, and what is wrong with the others. */
export async function post(rows: readonly Row[]): Promise<{ accepted: number; repeated: number; wrong: string[] }> {
  const sum = { accepted: 0, repeated: 0, wrong: [] as string[] }
  for (let from = 0; from < rows.length; from += ROWS_A_CALL) {
    const batch = rows.slice(from, from + ROWS_A_CALL)
    const { accepted, repeated, details } = (await asked('/signals', batch)) as {
      accepted: number
      repeated: number
      details: { path: string; message: string }[]
    }
    sum.accepted += accepted
    sum.repeated += repeated
    sum.wrong.push(...details.map(({ path, message }) => `${path}: ${message}`))
  }
  return sum
}

/**
 * A side's file. A backend whose job names its file elsewhere (Replicate, DashScope) answers JSON: then the first
 * address in it that looks like a video is fetched, without the backend's token where it is on another host.
 */
export async function fetchVideo({ url: from }: Side, token: string | undefined): Promise<Uint8Array> {
  const answer = await fetched(from, token)
  if (!/\bjson\b/.test(answer.headers.get('content-type') ?? '')) return bytesOf(answer)
  const address = videoIn(await answer.json())
  if (address === null) throw new Error(`${from} answers JSON that names no video`)
  return bytesOf(await fetched(address, new URL(address).origin === new URL(from).origin ? token : undefined))
}

/** The first address of a file in it whose name is a video's. */
export function videoIn(json: unknown): string | null {
  if (typeof json === 'string')
    return /^https?:\/\/[^?#]+\.(mp4|mov|webm|mkv|avi|gif)([?#]|$)/i.test(json) ? json : null
  if (typeof json !== 'object' || json === null) return null
  for (const member of Object.values(json)) {
    const found = videoIn(member)
    if (found !== null) return found
  }
  return null
}

async function fetched(from: string, token: string | undefined): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(from, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!answer.ok) throw new Error(`${from} answers ${answer.status}`)
  return answer
}

async function bytesOf(answer: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of answer.body ?? []) {
    size += piece.length
    if (size > MOST_BYTES) throw new Error(`${answer.url} is larger than ${MOST_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** What the control plane refused, or that it does not answer: one line. */
export class Failure extends Error {}

async function asked(path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${url}/_sluice/api/v1${path}`, {
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: Error) => {
    throw new Failure(
      `no answer of Sluice from ${url}: ${error.cause instanceof Error ? error.cause.message : error.message}`,
    )
  })
  const said = (await answer.json().catch(() => null)) as { error?: { code: string; message: string } } | null
  if (answer.ok && said !== null) return said
  const refusal = said?.error
  throw new Failure(
    refusal
      ? `${refusal.code} (${answer.status}): ${refusal.message}`
      : `${url} answers ${answer.status}, and not as Sluice does`,
  )
}
