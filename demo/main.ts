/**
 * `npm run demo -- --once`: the whole story unattended, on real processes. Exits 0 only if all of it
 * happened. With `--no-fault` too the candidate stays healthy and ends at 100 %; with `--fault-shadow` it is broken
 * from the start and never gets past shadowing.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ControlClient } from './control-client.ts'
import { type DemoGateway, startGateway } from './gateway.ts'
import { evenSubjects, releaseVars, startBackends } from './setup.ts'
import { type Ending, tell } from './story.ts'
import { onShutdown } from './shutdown.ts'
import { runTraffic } from './traffic.ts'

const USAGE =
  'npm run demo -- --once [--no-fault | --fault-shadow] tells the story once; npm start keeps everything running.'

const options = given()
if (!options.once || (options['no-fault'] && options['fault-shadow'])) {
  console.error(USAGE)
  process.exit(2)
}

const ending: Ending = options['no-fault'] ? 'completed' : options['fault-shadow'] ? 'stopped-in-shadow' : 'rolled-back'
const began = Date.now()
const say = (sentence: string) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${sentence}`)
const folder = mkdtempSync(join(tmpdir(), 'sluice-demo-'))
const stopping = new AbortController()

say('starting two demo backends and the gateway')
const backends = await startBackends(0.6)
let gateway: DemoGateway | null = null
const shutDown = async () => {
  stopping.abort()
  await Promise.allSettled([gateway?.stop(), backends.control.close(), backends.candidate.close()])
  rmSync(folder, { recursive: true, force: true })
}
onShutdown(() => void shutDown().then(() => process.exit(130)))

let code = 0
try {
  const vars = releaseVars(backends, { advance: 'auto', bake: '4s' })
  gateway = await startGateway({ folder, vars, port: null, signal: stopping.signal })
  say(`gateway at ${gateway.url}, 25 submits a second from 200 users`)
  const traffic = runTraffic({
    gatewayUrl: gateway.url,
    ratePerSecond: 25,
    subjects: evenSubjects(200),
    signal: stopping.signal,
    pollMs: 400,
  })
  await tell(ending, new ControlClient(gateway), backends, say)
  stopping.abort()
  const { submits, submitsByArm, completed, failed } = await traffic
  say(
    `clients made ${submits} submits (${JSON.stringify(submitsByArm)}), ${completed} videos completed, failures ${JSON.stringify(failed)}`,
  )
  say(ending === 'completed' ? 'the candidate serves everybody' : 'the story ended as it should')
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  code = 1
} finally {
  await shutDown()
}
process.exit(code)

function given() {
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({ options: { once: flag, 'no-fault': flag, 'fault-shadow': flag } }).values
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error(USAGE)
    process.exit(2)
  }
}
