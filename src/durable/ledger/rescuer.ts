/** `rescue = true`: a candidate's job that failed is submitted once to control and goes on there under the client's id. */
import type { ReleaseConfig } from '../../config/load.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Backend } from './backend.ts'
import type { Bodies } from './bodies.ts'
import { type JobRow, ledgerJob } from './job-row.ts'
import type { JobTable, Place } from './job-table.ts'

export function canBeRescued(outcome: Outcome | null): boolean {
  return outcome === 'job_failed' || outcome === 'job_lost'
}

export class Rescuer {
  readonly #jobs: JobTable
  readonly #bodies: Bodies
  readonly #backend: Backend
  readonly #release: ReleaseConfig
  readonly #underWay = new Map<string, Promise<Place | null>>()

  constructor(jobs: JobTable, bodies: Bodies, backend: Backend, release: ReleaseConfig) {
    this.#jobs = jobs
    this.#bodies = bodies
    this.#backend = backend
    this.#release = release
  }

  /** Once, however many ask; null where the job can't go on. */
  rescue(row: JobRow): Promise<Place | null> {
    if (!this.#release.rescue) return Promise.resolve(null)
    if (row.rescued_upstream !== null) {
      return Promise.resolve({ upstreamId: row.rescued_upstream, replica: row.rescued_replica! })
    }
    // What still runs, or was refused or given up, is not sent anew.
    if (row.status === 'open' || !canBeRescued(row.outcome)) return Promise.resolve(null)
    let rescue = this.#underWay.get(row.key)
    if (!rescue) {
      rescue = this.#resubmit(row).finally(() => this.#underWay.delete(row.key))
      this.#underWay.set(row.key, rescue)
    }
    return rescue
  }

  async #resubmit(row: JobRow): Promise<Place | null> {
    const body = this.#bodies.get(row.key)
    if (!body || row.rescue_tried || row.arm !== 'candidate') return null
    this.#jobs.rescueTried(row.key)
    const taken = await this.#backend.resubmit(body, `rescue-${row.client_id.slice(0, 200)}`)
    this.#bodies.drop(row.key)
    if (!taken) return null
    const place = { upstreamId: taken.sight.id, replica: taken.replica }
    this.#jobs.rescued(row.key, place)
    // Control did not choose this job, so it is in nobody's counters.
    const going = { ...ledgerJob(row), ...place, arm: 'control' as const, matched: false, work: row.work }
    this.#jobs.add(going, { counted: 0, poll_at: Date.now() + this.#release.quietAfterMs })
    return place
  }
}
