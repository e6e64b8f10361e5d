/**
 * The whole story unattended, on real processes: both arms are well until the candidate breaks, never, or from the
 * start. Exits 0 only if all of it happened.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WireName } from './client-wires.ts'
import { ControlClient } from './control-client.ts'
import { type DemoGateway, startGateway } from './gateway.ts'
import { evenSubjects, releaseVars, startBackends } from './setup.ts'
import { type Ending, tell } from './story.ts'
import { onShutdown } from './shutdown.ts'
import { runTraffic } from './traffic.ts'

export async function tellOnce(ending: Ending, wire: WireName): Promise<never> {
  const began = Date.now()
  const say = (sentence: string) =>
    console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${sentence}`)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-demo-'))
  const stopping = new AbortController()

  say(`starting two demo backends that speak ${wire}, and the gateway`)
  const backends = await startBackends(0.6, wire)
  let gateway: DemoGateway | null = null
  const shutDown = async () => {
    stopping.abort()
    await Promise.allSettled([gateway?.stop(), backends.control.close(), backends.candidate.close()])
    rmSync(folder, { recursive: true, force: true })
  }
  onShutdown(() => void shutDown().then(() => process.exit(130)))

  let code = 0
  try {
    const vars = releaseVars(backends, { advance: 'auto', bake: '4s', wire })
    gateway = await startGateway({ folder, vars, port: null, signal: stopping.signal })
    say(`gateway at ${gateway.url}, 25 submits a second from 200 users`)
    const traffic = runTraffic({
      gatewayUrl: gateway.url,
      ratePerSecond: 25,
      subjects: evenSubjects(200),
      signal: stopping.signal,
      wire,
      pollMs: 400,
    })
    await tell(ending, new ControlClient(gateway), backends, say)
    stopping.abort()
    const { submits, submitsByArm, completed, failed, skipped } = await traffic
    say(
      `clients made ${submits} submits (${JSON.stringify(submitsByArm)}), ${completed} videos completed, failures ${JSON.stringify(failed)}, ${skipped} submits left out`,
    )
    say(ending === 'completed' ? 'the candidate serves everybody' : 'the story ended as it should')
  } catch (error) {
    say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
    code = 1
  } finally {
    await shutDown()
  }
  process.exit(code)
}
