/** Jobs of a demo backend whose states follow the clock: a while in the queue, then running, then over. */
import type { Faults } from './faults.ts'

export interface TimedJob {
  id: string
  createdAtMs: number
  startsAtMs: number
  endsAtMs: number
  fails: boolean
  cancelledAtMs: number | null
}

export interface TimedOptions {
  /** Mean time of a job; each takes up to a fifth more or less. */
  jobSeconds: number
  random: () => number
  faults: () => Faults
  /** Unix ms. */
  now: () => number
}

const QUEUED_SHARE = 0.1
/** Beyond it the oldest are forgotten, so that traffic can run for days. */
const MAX_JOBS = 20_000

/** `More`: what a wire keeps of a job besides. */
export function createTimedJobs<More extends object>({ jobSeconds, random, faults, now }: TimedOptions) {
  type Job = TimedJob & More
  const jobs = new Map<string, Job>()
  return {
    find: (id: string) => jobs.get(id),

    /** The oldest first. */
    all: (): Job[] => [...jobs.values()],

    remove: (id: string) => jobs.delete(id),

    /** Whether this submit is one of those that the server itself gets wrong. */
    isRefused: () => random() < faults().error_rate,

    add: (more: More, id: string = crypto.randomUUID()): Job => {
      const takesMs = 1000 * (faults().job_seconds ?? jobSeconds * (0.8 + 0.4 * random()))
      const createdAtMs = now()
      const times = { createdAtMs, startsAtMs: createdAtMs + takesMs * QUEUED_SHARE, endsAtMs: createdAtMs + takesMs }
      const fails = random() < faults().job_failure_rate
      const job = { ...more, id, ...times, fails, cancelledAtMs: null }
      jobs.set(id, job)
      for (const oldest of jobs.keys()) {
        if (jobs.size <= MAX_JOBS) break
        jobs.delete(oldest)
      }
      return job
    },

    phaseOf: (job: TimedJob): 'queued' | 'running' | 'ended' | 'cancelled' => {
      if (job.cancelledAtMs !== null) return 'cancelled'
      return now() >= job.endsAtMs ? 'ended' : now() < job.startsAtMs ? 'queued' : 'running'
    },

    cancel: (job: TimedJob): void => {
      job.cancelledAtMs = now()
    },
  }
}
