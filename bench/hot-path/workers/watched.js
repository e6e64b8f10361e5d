/**
 * The deployed Worker, watched: how often its isolate calls objects (`/-bench/calls`), and with counters, jobs and exposures
 * put into its objects as other isolates would (`/-bench/feed`). `freeze` there has each counter shard answer the controller
 * with what it has last told, without looking or asking others, so that what is left is the controller's own work. `ticks`
 * has the controller do so many, one after the other.
 */
import sluice, { CounterShard as DeployedShard, ReleaseController as DeployedController } from './worker.js'
export * from './worker.js'

export class CounterShard extends DeployedShard {
  #told = { windows: [], recent: [] }
  #isFrozen = false

  async freeze() {
    this.#isFrozen = true
  }

  async report(span, others) {
    if (this.#isFrozen) {
      const { windows, recent } = this.#told
      const at = (rows, startMs) => rows.map((row) => ({ ...row, startMs }))
      return {
        windows: span.fromMs < span.toMs ? at(windows, span.fromMs) : [],
        recent: span.recent ? at(recent, span.recent.cutsMs.at(-1)) : [],
      }
    }
    const report = await super.report(span, others)
    // One window, also where a tick had several to catch up on.
    const last = Math.max(...report.windows.map(({ startMs }) => startMs))
    if (report.windows.length > 0) this.#told.windows = report.windows.filter(({ startMs }) => startMs === last)
    if (report.recent.length > 0) this.#told.recent = report.recent
    return report
  }
}

export class ReleaseController extends DeployedController {
  async ticks(n) {
    for (let i = 0; i < n; i++) await this.alarm()
  }
}

const OBJECTS = ['CONTROLLER', 'COUNTER_SHARD', 'JOB_LEDGER', 'LIVE_CONFIG']
let calls = {}
let watchedEnv = null

/** The same one for all requests, as the platform gives it. */
function watched(env) {
  if (watchedEnv) return watchedEnv
  watchedEnv = { ...env }
  for (const name of OBJECTS) {
    const namespace = env[name]
    watchedEnv[name] = { idFromName: (id) => namespace.idFromName(id), get: (id) => counted(name, namespace.get(id)) }
  }
  return watchedEnv
}

function counted(name, stub) {
  return new Proxy(stub, {
    get(target, method) {
      const offered = Reflect.get(target, method)
      if (typeof offered !== 'function') return offered
      return (...given) => {
        const call = `${name}.${String(method)}`
        calls[call] = (calls[call] ?? 0) + 1
        return target[method](...given)
      }
    },
  })
}

async function feed(env, { release, shards, batch, jobs, exposed, freeze, ticks }) {
  const shard = (i) => env.COUNTER_SHARD.get(env.COUNTER_SHARD.idFromName(`${release}|${i}`))
  if (batch) await Promise.all(Array.from({ length: shards }, (_, i) => shard(i).flush(batch)))
  if (freeze) await Promise.all(Array.from({ length: shards }, (_, i) => shard(i).freeze()))
  if (ticks) await env.CONTROLLER.get(env.CONTROLLER.idFromName(release)).ticks(ticks)
  const ledger = (i) => env.JOB_LEDGER.get(env.JOB_LEDGER.idFromName(`${release}|${i}`))
  if (jobs) await ledger(0).flush({ submitted: jobs, seen: [] })
  for (const { index, exposures } of exposed ?? [])
    await ledger(index).flush({ submitted: [], seen: [], exposed: exposures })
}

export default {
  async fetch(request, env, context) {
    // The watching is to cost the watched as little as it can.
    const { url } = request
    if (url.endsWith('/-bench/feed')) {
      await feed(env, await request.json())
      return new Response('fed')
    }
    if (!url.endsWith('/-bench/calls')) return sluice.fetch(request, watched(env), context)
    const counts = calls
    calls = {}
    return Response.json(counts)
  },
}
