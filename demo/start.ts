/** `npm start`: the gateway between two demo backends, with steady traffic, until Ctrl-C. */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { CLIENT_WIRES, type ClientWire, type WireName } from './client-wires.ts'
import { ControlClient } from './control-client.ts'
import { type DemoGateway, startGateway } from './gateway.ts'
import { evenSubjects, RELEASE, releaseVars, startBackends } from './setup.ts'
import { onShutdown } from './shutdown.ts'
import { runTraffic } from './traffic.ts'

const SUBMITS_A_SECOND = 5

export async function keepRunning(wire: WireName, port: number): Promise<void> {
  // One a port and a wire: two that run side by side, or one that speaks otherwise, would find what is not theirs.
  const folder = join(import.meta.dirname, '..', '.demo', `${port}-${wire}`)
  const backends = await startBackends(2, wire)
  const stopping = new AbortController()
  let gateway: DemoGateway | null = null

  const shutDown = async (code: number): Promise<never> => {
    stopping.abort()
    await Promise.allSettled([gateway?.stop(), backends.control.close(), backends.candidate.close()])
    process.exit(code)
  }
  onShutdown(() => void shutDown(0))

  console.log('Starting the gateway; this takes a few seconds …')
  const returning = existsSync(join(folder, 'state'))
  try {
    gateway = await startGateway({
      folder,
      vars: releaseVars(backends, { advance: 'manual', bake: '20s', wire }),
      port,
      signal: stopping.signal,
      onExit: (code) => {
        if (!stopping.signal.aborted) {
          console.error(`The gateway ended with code ${code}; see ${join(folder, 'gateway.log')}`)
          void shutDown(1)
        }
      },
    })
  } catch (error) {
    if (!stopping.signal.aborted) console.error(error instanceof Error ? error.message : error)
    await shutDown(stopping.signal.aborted ? 0 : 1)
  }

  const { url, token, logFile } = gateway!
  const control = new ControlClient(gateway!)
  const { stage } = await control.release()
  console.log(`
Sluice is running.

  gateway     ${url}        speaks ${wire}
  dashboard   ${url}/_sluice/
  token       ${token}      (log in with it; role admin)
  control     ${backends.control.url}    candidate ${backends.candidate.url}
  log         ${logFile}

The release ${RELEASE} is ${stage}${returning ? ', as the last run left it' : ''}. What to do next, here or in the dashboard:

  ${tryIt(url, wire)}
  export SLUICE_URL=${url} SLUICE_TOKEN=${token}
  npx sluice start                       # shadow copies to the candidate; nobody sees them
  npx sluice status --watch
  npx sluice advance --force             # 1 %, then 5 %, 20 % …
  curl -X POST ${backends.candidate.url}/__demo/faults -d '{"job_failure_rate":0.5}'    # break the candidate and watch
  npx sluice history

${SUBMITS_A_SECOND} submits a second are running. Ctrl-C ends everything; state is kept in ${relative('', folder)}/ (delete it to begin afresh).
`)

  await runTraffic({
    gatewayUrl: url,
    ratePerSecond: SUBMITS_A_SECOND,
    subjects: evenSubjects(200),
    signal: stopping.signal,
    wire,
    pollMs: 1000,
  })
}

/** A submit as a person makes it. */
function tryIt(url: string, wire: WireName): string {
  const { models, ...client }: ClientWire = CLIENT_WIRES[wire]
  const { path, body, headers = {} } = client.submit({ model: models.client, prompt: 'a red fox', seconds: 4 })
  const more = Object.entries(headers).map(([name, value]) => ` -H "${name}: ${value}"`)
  const sent =
    'json' in body
      ? ` --json '${JSON.stringify(body.json)}'`
      : Object.entries(body.form)
          .map(([name, value]) => ` -F ${name}="${value}"`)
          .join('')
  return `curl -H "x-user-id: me"${more.join('')}${sent} ${url}${path}`
}
