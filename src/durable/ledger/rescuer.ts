/** `rescue = true`: a candidate's job that failed is submitted once to control and goes on there under the client's id. */
import type { ReleaseConfig } from '../../config/load.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Backend } from './backend.ts'
import type { Bodies } from './bodies.ts'
import type { JobRow, JobTable } from './job-table.ts'

/** Where a rescued job is now. */
export interface Continuation {
  upstreamId: string
  replica: number
}

export function canBeRescued(outcome: Outcome | null): boolean {
  return outcome === 'job_failed' || outcome === 'job_lost'
}

export class Rescuer {
  readonly #jobs: JobTable
  readonly #bodies: Bodies
  readonly #backend: Backend
  readonly #release: ReleaseConfig
  readonly #underWay = new Map<string, Promise<Continuation | null>>()

  constructor(jobs: JobTable, bodies: Bodies, backend: Backend, release: ReleaseConfig) {
    this.#jobs = jobs
    this.#bodies = bodies
    this.#backend = backend
    this.#release = release
  }

  /** Once, however many ask; null where the job can't go on. */
  rescue(row: JobRow): Promise<Continuation | null> {
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

  async #resubmit(row: JobRow): Promise<Continuation | null> {
    const body = this.#bodies.get(row.key)
    if (!body || row.rescue_tried || row.arm !== 'candidate') return null
    this.#jobs.sql.exec('UPDATE jobs SET rescue_tried = 1 WHERE key = ?', row.key)
    const taken = await this.#backend.resubmit(body, `rescue-${row.client_id.slice(0, 200)}`)
    this.#bodies.drop(row.key)
    if (!taken) return null
    const { sight, replica } = taken
    this.#jobs.sql.exec(
      'UPDATE jobs SET rescued_upstream = ?, rescued_replica = ? WHERE key = ?',
      sight.id,
      replica,
      row.key,
    )
    this.#jobs.add(
      {
        clientId: row.client_id,
        upstreamId: sight.id,
        arm: 'control',
        release: 0,
        replica,
        epoch: row.epoch,
        stage: row.stage,
        submittedAt: row.submitted_at,
        matched: false,
        owner: row.owner,
        nameless: row.nameless === 1,
        work: row.work,
      },
      // Control did not choose this job, so it is in nobody's counters.
      { counted: 0, poll_at: Date.now() + this.#release.quietAfterMs },
    )
    return { upstreamId: sight.id, replica }
  }
}
