/** Many events for many subjects: none lost, none twice, and what a report with all its parts costs then. */
import { MAX_BATCH_ROWS } from '../src/api/experiment.ts'
import { idKeys } from '../src/core/id-keys.ts'
import { ownerOf } from '../src/core/job-id.ts'
import { ledgerIndex } from '../src/core/ledger-growth.ts'
import type { Exposure } from '../src/durable/rpc.ts'
import {
  type Arm,
  armOf,
  LEDGERS,
  near,
  PROMPTS,
  random,
  REPORTS,
  type Release,
  row,
  type Row,
  withRepeats,
  type World,
} from './experiment-world.ts'
import { COOKIE_KEY } from './hot-path/systems.ts'

/** Values of subjects are of so many sizes. */
const SIZES = 24
/** Every so manieth subject had values before. */
const HISTORY_EVERY = 5
/** Of first exposure, the last of them today; every so manieth subject submits, and does so today. */
const DAYS = 14
const SUBMITS_EVERY = 20
const EXPOSED_AT_ONCE = 2000
const DAY_MS = 86_400_000
const PAIRS = 400
const ROUNDS = 5

export function crowdRelease(subjects: number, mde: number): Release {
  return { name: 'crowd', mde, shadowed: Math.min(1, (4 * PAIRS * SUBMITS_EVERY) / subjects) }
}

export async function tellCrowd(world: World, subjects: number, events: number): Promise<void> {
  const { api, admin, check } = world
  const submitting = subjects / SUBMITS_EVERY
  const dayOf = (i: number) => (i < submitting ? 0 : i % DAYS)
  const playsEach = events / subjects - 1
  const epoch = await world.start('crowd')
  const users = Array.from({ length: subjects }, (_, i) => `crowd-${i}`)
  const submitted = await world.expose('crowd', users.slice(0, submitting))
  console.error(`${submitting} submits in ${submitted.toFixed(0)} s`)
  await feed(world, epoch, users, submitting, dayOf)
  const history = users
    .map((user, i) => ({ ...row('crowd', 'played', user, 10 * sizeOf(i), 'before'), at: daysAgo(dayOf(i) + 7) }))
    .filter((_, i) => i % HISTORY_EVERY === 0)
  await world.post(history)
  const rows = users.flatMap((user, i) => [
    ...Array.from({ length: playsEach }, (_, play) => row('crowd', 'played', user, (play + 1) * sizeOf(i), play)),
    row('crowd', i % 10 < 7 ? 'completed' : 'reported', user, 1),
  ])
  const seconds = await world.post(withRepeats(rows))
  console.error(`${rows.length} events in ${seconds.toFixed(0)} s`)
  await world.settled('crowd', subjects)
  await scorePairs(world)
  checkSums(world, rows, await sumsOf(world))
  const checked = await fetch(api('releases/crowd/report/self-check'), { method: 'POST', headers: admin })
  if (!checked.ok) throw new Error(`self-check: ${checked.status} ${await checked.text()}`)
  const report = await world.reportOf('crowd')
  const played = report.metrics.find(({ metric }) => metric === 'played')!
  const parts = {
    stratified: played.stratified !== null,
    history: played.history !== null,
    pairs: report.pairs.length > 0,
    'self-check': report.self_check !== null,
    'trade-off': report.cost.always_valid !== null && report.metrics[0]!.relative !== null,
  }
  check(
    'the report has all its parts',
    Object.values(parts).every(Boolean),
    Object.entries(parts).map(([part, is]) => `${part} ${is ? 'yes' : 'no'}`),
  )
  const costs: number[] = []
  for (let round = 0; round < ROUNDS; round++) costs.push(await world.cpuOfReport('crowd'))
  costs.sort((a, b) => a - b)
  const text = costs.map((ms) => ms.toFixed(1)).join(', ')
  check(`CPU of a report at most 50 ms, ${ROUNDS} times ${REPORTS} of them`, costs.at(-1)! <= 50, [`${text} ms`])
}

/** As the isolates' flushes bring them. */
async function feed(
  { url }: World,
  epoch: number,
  users: readonly string[],
  from: number,
  dayOf: (i: number) => number,
): Promise<void> {
  const keys = idKeys([COOKIE_KEY])
  const exposures = users.slice(from).map((user, i): Exposure => ({
    owner: ownerOf(`header:${user}`, keys)[0]!,
    arm: armOf('crowd', user),
    epoch,
    percent: 50,
    at: Date.now() - dayOf(from + i) * DAY_MS,
    traits: { region: 'DE', prompt: Object.keys(PROMPTS)[i % 3]!, duration: null, visitor: 'known' },
  }))
  for (let at = 0; at < exposures.length; at += EXPOSED_AT_ONCE) {
    const some = exposures.slice(at, at + EXPOSED_AT_ONCE)
    const exposed = Array.from(
      Map.groupBy(some, ({ owner }) => ledgerIndex(owner, LEDGERS)),
      ([index, its]) => ({ index, exposures: its }),
    )
    const answer = await fetch(`${url}/-bench/feed`, {
      method: 'POST',
      body: JSON.stringify({ release: 'crowd', exposed }),
    })
    if (!answer.ok) throw new Error(await answer.text())
  }
}

/** Sums by metric and arm as a warehouse reads them, against those of the rows by the arm of their subjects. */
function checkSums({ check }: World, rows: readonly Row[], sums: readonly Sum[]): void {
  for (const arm of ['control', 'candidate'] as const) {
    const own = rows.filter(({ subject }) => armOf('crowd', subject) === arm)
    const subjects = new Set(own.map(({ subject }) => subject)).size
    for (const metric of ['played', 'completed', 'reported']) {
      const its = own.filter((each) => each.metric === metric)
      const total = its.reduce((sum, { value }) => sum + value, 0)
      const seen = sums.filter((sum) => sum.metric === metric && sum.arm === arm)
      const of = (key: 'subjects' | 'sum_y' | 'sum_x') => seen.reduce((sum, each) => sum + each[key], 0)
      check(
        `${metric} of ${arm}: ${subjects} subjects, ${its.length} events, sum ${total}`,
        of('subjects') === subjects && near(of('sum_x'), its.length) && near(of('sum_y'), total),
        [of('subjects'), of('sum_x'), of('sum_y')],
      )
    }
  }
}

/** Signals of both videos of as many shadow pairs as are wanted. */
async function scorePairs({ api, admin }: World): Promise<void> {
  const jobs: string[] = []
  for (let cursor: string | null = ''; cursor !== null && jobs.length < PAIRS;) {
    const answer: Response = await fetch(api(`releases/crowd/pairs?limit=100${cursor && `&cursor=${cursor}`}`), {
      headers: admin,
    })
    if (!answer.ok) throw new Error(`pairs: ${answer.status} ${await answer.text()}`)
    const page = (await answer.json()) as { items: { job_id: string }[]; next: string | null }
    jobs.push(...page.items.map(({ job_id }) => job_id))
    cursor = page.next
  }
  const rows = jobs.flatMap((job_id) =>
    (['control', 'candidate'] as const).map((arm) => ({
      release: 'crowd',
      metric: 'ssim',
      arm,
      job_id,
      value: random(),
    })),
  )
  for (let at = 0; at < rows.length; at += MAX_BATCH_ROWS) {
    const body = JSON.stringify(rows.slice(at, at + MAX_BATCH_ROWS))
    const answer = await fetch(api('signals'), { method: 'POST', headers: admin, body })
    if (answer.status !== 200) throw new Error(`signals: ${answer.status} ${(await answer.text()).slice(0, 500)}`)
  }
  console.error(`${jobs.length} shadow pairs measured`)
}

interface Sum {
  metric: string
  arm: Arm
  subjects: number
  sum_y: number
  sum_x: number
}

async function sumsOf({ api, admin }: World): Promise<Sum[]> {
  const answer = await fetch(api(`releases/crowd/report.ndjson`), { headers: admin })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`sums: ${answer.status} ${text}`)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sum)
}

/** A few are large. */
function sizeOf(i: number): number {
  return Math.round(1.5 ** ((i % SIZES) % 13)) + (i % SIZES)
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString()
}
