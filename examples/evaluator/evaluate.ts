/**
 * Measures shadow pairs that have ended and posts what it found as signals. A line of JSON tells of each pair; exit
 * code 1 if the gateway refuses it or a row, or if there were pairs and none could be measured.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ARMS, Failure, fetchVideo, finishedPairs, type Pair, post, type Row, rowsOf } from './gateway.ts'
import { measure } from './measure.ts'

const USAGE = 'evaluate.ts RELEASE [--pairs N]    the newest N pairs (100)'
const TOKENS = { control: process.env['CONTROL_TOKEN'], candidate: process.env['CANDIDATE_TOKEN'] }

const { release, most } = given()
await evaluateAll().catch((error: unknown) => {
  if (!(error instanceof Failure)) throw error
  console.error(error.message)
  process.exitCode = 1
})

async function evaluateAll(): Promise<void> {
  const rows: Row[] = []
  let failed = 0
  for (const pair of await finishedPairs(release, most)) {
    try {
      const measured = await evaluated(pair)
      rows.push(...rowsOf(release, pair.job_id, measured))
      console.log(JSON.stringify({ job_id: pair.job_id, ...measured }))
    } catch (error) {
      failed++
      console.error(`${pair.job_id}: ${error instanceof Error ? error.message : error}`)
    }
  }
  const { accepted, repeated, wrong } = await post(rows)
  for (const each of wrong) console.error(each)
  console.log(JSON.stringify({ accepted, repeated, refused: wrong.length, failed }))
  if (wrong.length > 0 || (failed > 0 && rows.length === 0)) process.exitCode = 1
}

async function evaluated(pair: Pair) {
  const folder = await mkdtemp(join(tmpdir(), 'evaluator-'))
  try {
    const files = ARMS.map((arm) => join(folder, arm))
    await Promise.all(ARMS.map(async (arm, i) => writeFile(files[i]!, await fetchVideo(pair[arm], TOKENS[arm]))))
    return await measure(files[0]!, files[1]!)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function given(): { release: string; most: number } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { pairs: { type: 'string', default: '100' } },
    })
    const [name, ...more] = positionals
    const pairs = Number(values.pairs)
    if (name === undefined || more.length > 0 || !Number.isInteger(pairs) || pairs < 1)
      throw new Error('not understood')
    return { release: name, most: pairs }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    process.exit(2)
  }
}
