/**
 * An experiment over HTTP, as a team would run it: subjects are exposed by submits, their events posted in shuffled
 * batches of which some are sent twice, the report read with every part that it has. The deployed bundle on workerd
 * itself, on loopback. It ends with 1 where a figure is wrong, and keeps its figures in bench/results/experiment.json.
 *
 * Of the crowd only a part submits: the others are put into the ledgers as isolates do after submits, since their
 * exposures are of many days, and nobody can submit yesterday. All of its events come over HTTP.
 *
 *   npm run bench:experiment -- [--quick] [--subjects 24000] [--events 1000000] [--crowd 200000] [--only article,dearer,worse,skewed,crowd]
 *
 * `subjects` take part in the story with known shares; `crowd` then send the `events` to a release of their own.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { onShutdown } from '../demo/shutdown.ts'
import { crowdRelease, tellCrowd } from './experiment-crowd.ts'
import { type Arm, armOf, near, openWorld, row, shuffled, withRepeats, type World } from './experiment-world.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    subjects: { type: 'string', default: '24000' },
    crowd: { type: 'string', default: '200000' },
    events: { type: 'string', default: '1000000' },
    only: { type: 'string', default: 'article,dearer,worse,skewed,crowd' },
  },
})
const SUBJECTS = Number(values.quick ? '8000' : values.subjects)
const CROWD = Number(values.quick ? '20000' : values.crowd)
const EVENTS = Number(values.quick ? '100000' : values.events)
/** Of 12,000 an arm, these are 8,064 and 8,772: z 9.99. */
const SHARES = { control: 0.672, candidate: 0.731 }
/** Of the subjects, in each story but the first. */
const SMALLER = 0.25
const MDE = values.quick ? { article: 0.06, other: 0.1 } : { article: 0.04, other: 0.08 }
const only = values.only.split(',')
const RESULTS = new URL('results/experiment.json', import.meta.url)

/** What differs from the plain story, and what is to come of it. */
interface Story {
  name: string
  subjects: number
  decision: string
  because: string
  valid: boolean
  /** Of each arm's subjects. */
  reported: Record<Arm, number>
  /** The candidate's subjects that are there. */
  present: number
}
const plain = { subjects: SUBJECTS * SMALLER, valid: true, reported: { control: 0.1, candidate: 0.1 }, present: 1 }
const STORIES: Story[] = [
  { ...plain, name: 'article', subjects: SUBJECTS, decision: 'advance', because: 'primary_better' },
  { ...plain, name: 'dearer', decision: 'hold', because: 'cost_exceeded' },
  {
    ...plain,
    name: 'worse',
    decision: 'hold',
    because: 'guardrail_worse',
    reported: { control: 0.1, candidate: 0.2 },
  },
  {
    ...{ ...plain, name: 'skewed', decision: 'hold', because: 'srm_mismatch', valid: false },
    present: values.quick ? 0.7 : 0.85,
  },
]

onShutdown(() => process.exit(130))
const world = await openWorld([
  ...STORIES.map(({ name }) => ({
    name,
    mde: name === 'article' ? MDE.article : MDE.other,
    isDearer: name === 'dearer',
  })),
  crowdRelease(CROWD, MDE.other),
])
try {
  for (const story of STORIES) if (only.includes(story.name)) await tell(world, story)
  if (only.includes('crowd')) await tellCrowd(world, CROWD, EVENTS)
} finally {
  await world.close()
}
const { checks } = world
console.log(
  table(
    ['check', 'seen', 'holds'],
    checks.map(({ what, seen, holds }) => [what, seen, holds ? 'yes' : 'NO']),
  ),
)
const sizes = { subjects: SUBJECTS, crowd: CROWD, events: EVENTS, only: values.only }
const kept = {
  day: new Date().toISOString().slice(0, 10),
  ...sizes,
  seconds: Math.round(performance.now() / 1000),
  checks,
}
if (!values.quick) writeFileSync(RESULTS, `${JSON.stringify(kept, null, 2)}\n`)
process.exitCode = checks.every(({ holds }) => holds) ? 0 : 1

/** Two arms of known shares: counts, z and the decision. */
async function tell(world: World, { name, subjects, reported, present, ...wanted }: Story): Promise<void> {
  const { check } = world
  await world.start(name)
  const half = Math.round(subjects / 2)
  const users = {
    control: usersOf(name, 'control', half),
    candidate: usersOf(name, 'candidate', Math.round(half * present)),
  }
  const n = { control: users.control.length, candidate: users.candidate.length }
  const seconds = await world.expose(name, shuffled([...users.control, ...users.candidate]))
  console.error(`${name}: ${n.control + n.candidate} submits in ${seconds.toFixed(0)} s`)
  const share = (arm: Arm) => Math.round(n[arm] * SHARES[arm])
  const rows = (['control', 'candidate'] as const).flatMap((arm) =>
    users[arm].flatMap((subject, i) => [
      ...(i < share(arm) ? [row(name, 'completed', subject, 1)] : []),
      ...(i < n[arm] * reported[arm] ? [row(name, 'reported', subject, 1)] : []),
    ]),
  )
  await world.post(withRepeats(rows))
  const report = await world.settled(name, n.control + n.candidate)
  const { control, candidate, test } = report.metrics.find(({ metric }) => metric === 'completed')!
  const rate = { control: share('control') / n.control, candidate: share('candidate') / n.candidate }
  const pooled = (share('control') + share('candidate')) / (n.control + n.candidate)
  const z = (rate.candidate - rate.control) / Math.sqrt(pooled * (1 - pooled) * (1 / n.control + 1 / n.candidate))
  check(`${name}: subjects`, control.n === n.control && candidate.n === n.candidate, [control.n, candidate.n])
  check(`${name}: shares exact`, near(control.estimate, rate.control) && near(candidate.estimate, rate.candidate), [
    control.estimate,
    candidate.estimate,
  ])
  check(`${name}: z ${z.toFixed(2)}`, near(test?.statistic, z), [test?.statistic])
  const reasons = report.decision.reasons.map(({ code }) => code as string)
  check(
    `${name}: ${wanted.decision}, ${wanted.because}`,
    report.valid === wanted.valid && report.decision.decision === wanted.decision && reasons.includes(wanted.because),
    [report.valid ? 'valid' : 'not valid', report.decision.decision, ...reasons],
  )
}

/** Of this arm at 50 %, as the hash deals them. */
function usersOf(release: string, arm: Arm, count: number): string[] {
  const users: string[] = []
  for (let i = 0; users.length < count; i++) {
    const user = `user-${i}`
    if (armOf(release, user) === arm) users.push(user)
  }
  return users
}
