/** What `npm start` and the story share: two backends, one release between them, users spread evenly over the hash. */
import { positionOf } from '../src/core/assignment.ts'
import { type Backend, startBackend } from './backend.ts'

export const RELEASE = 'wan22_t2v_abtest'

export interface Backends {
  control: Backend
  candidate: Backend
}

export async function startBackends(jobSeconds: number): Promise<Backends> {
  const [control, candidate] = await Promise.all([
    startBackend({ name: 'control', model: 'wan2.1-t2v-14b', jobSeconds }),
    startBackend({ name: 'candidate', model: 'wan2.2-t2v-a14b', jobSeconds, clip: 'candidate' }),
  ])
  return { control, candidate }
}

/** Windows of a second, so that minutes of a release pass in seconds. Thresholds are those of the default configuration, for few jobs. */
export function releaseVars(
  { control, candidate }: Backends,
  settings: { advance: 'manual' | 'auto'; bake: string },
): string {
  return `
[vars.SLUICE]
expose_headers = true
environment = "demo"
subject = ["header:x-user-id", "cookie", "ip"]

[vars.RELEASE_WAN22]
name = "${RELEASE}"
protocol = "openai-videos"
match = { paths = ["/v1/videos"] }
ladder = [1, 5, 20, 50, 100]
bake = "${settings.bake}"
min_jobs = 4
advance = "${settings.advance}"
cooldown = "5s"
window_seconds = 1
[vars.RELEASE_WAN22.arms.control]
url = "${control.url}"
model = "wan2.1-t2v-14b"
timeout = "10s"
[vars.RELEASE_WAN22.arms.candidate]
url = "${candidate.url}"
model = "wan2.2-t2v-a14b"
timeout = "10s"
[vars.RELEASE_WAN22.shadow]
sample = 1.0
max_in_flight = 100
max_jobs_per_day = 100000
job_timeout = "30s"
[[vars.RELEASE_WAN22.guardrails]]
metric = "error_rate"
operations = ["submit", "job"]
max = 0.01
for_windows = 5
min_requests = 2
[[vars.RELEASE_WAN22.guardrails]]
metric = "error_rate"
operations = ["submit", "job"]
max = 0.5
within = "10s"
min_requests = 10
[[vars.RELEASE_WAN22.guardrails]]
metric = "error_rate"
operations = ["job"]
method = "sequential"
max = 0.01
margin = 0.01
alpha = 0.01
min_requests = 3
`
}

/** So many users, one in each equal slice of [0, 100): a split of 1 % is then one in a hundred of them, not one by luck. */
export function evenSubjects(count: number): string[] {
  const slices = new Map<number, string>()
  for (let i = 0; slices.size < count; i++) {
    const subject = `user-${i}`
    const slice = Math.floor((positionOf(RELEASE, subject) * count) / 100)
    if (!slices.has(slice)) slices.set(slice, subject)
  }
  // In an order of their own, so that neighbours in the hash do not come one after the other.
  return [...slices.values()]
}
