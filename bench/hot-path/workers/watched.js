/**
 * The deployed Worker, watched: how often its isolate calls objects (`/-bench/calls`), and with counters, jobs and exposures
 * put into its objects as other isolates would (`/-bench/feed`).
 */
import sluice from './worker.js'
export * from './worker.js'

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

async function feed(env, { release, shards, batch, jobs, exposed }) {
  const shard = (i) => env.COUNTER_SHARD.get(env.COUNTER_SHARD.idFromName(`${release}|${i}`))
  if (batch) await Promise.all(Array.from({ length: shards }, (_, i) => shard(i).flush(batch)))
  const ledger = (i) => env.JOB_LEDGER.get(env.JOB_LEDGER.idFromName(`${release}|${i}`))
  if (jobs) await ledger(0).flush({ submitted: jobs, seen: [] })
  for (const { index, exposures } of exposed ?? [])
    await ledger(index).flush({ submitted: [], seen: [], exposed: exposures })
}

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    if (pathname === '/-bench/feed') {
      await feed(env, await request.json())
      return new Response('fed')
    }
    if (pathname !== '/-bench/calls') return sluice.fetch(request, watched(env), context)
    const counts = calls
    calls = {}
    return Response.json(counts)
  },
}
