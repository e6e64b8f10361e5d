/** How far apart the polls of a copy are, by what was seen of the release's other copies. In memory: a cold object learns anew. */
import { hash32 } from '../../core/assignment.ts'
import { copyPauseMs, EARLY_ONE_OF, LEARNING_COPIES } from '../../core/poll-schedule.ts'
import { QuickestJobs } from '../../core/quickest-jobs.ts'
import { outcomeOf } from '../../protocols/job-outcome.ts'
import type { PollResult } from '../poll-runner.ts'
import type { JobRow } from '../job-shapes.ts'
import type { JobTable } from './job-table.ts'

export class CopyPace {
  readonly #jobs: Pick<JobTable, 'openCopies'>
  readonly #quickest = new QuickestJobs()
  /** Whether the backend told of the last copy when it ended. */
  #isTold = false

  constructor(jobs: Pick<JobTable, 'openCopies'>) {
    this.#jobs = jobs
  }

  /** Until the next poll of a copy, or the first. Ms. */
  pauseMs({ key, submitted_at: at }: Pick<JobRow, 'key' | 'submitted_at'>, now: number): number {
    const hash = hash32(key)
    const isEarly = hash % EARLY_ONE_OF === 0
    const oneOf = this.#quickest.hasEnds ? 1 : Math.ceil(this.#jobs.openCopies / LEARNING_COPIES)
    const isOneOfMany = oneOf > 1 && Math.floor(hash / EARLY_ONE_OF) % oneOf > 0
    const quickestMs = this.#quickest.ageMs
    return copyPauseMs({ ageMs: Math.max(0, now - at), quickestMs, isEarly, isOneOfMany, isTold: this.#isTold })
  }

  /** What a poll of a copy has shown. One that ended did so when its backend says, or half-way since it was last open. */
  learn({ submitted_at: at, open_at: openAt }: JobRow, { answer, askedAt }: PollResult): void {
    if (answer.state !== 'job' && answer.state !== 'gone') return
    const [openMs, ageMs] = [openAt === null ? null : openAt - at, askedAt - at]
    if (answer.state === 'job' && outcomeOf(answer.job) === null) return this.#quickest.open(openMs, ageMs)
    const total = answer.state === 'job' ? answer.job.totalSeconds : null
    this.#isTold = total !== null
    this.#quickest.ended(openMs, total === null ? ((openMs ?? 0) + ageMs) / 2 : Math.min(total * 1000, ageMs))
  }
}
