/** The job store of a demo backend, in memory as vLLM-Omni's is, and jobs as that server shows them. */
import { randomBytes } from 'node:crypto'
import { createTimedJobs, type TimedJob, type TimedOptions } from './timed-jobs.ts'

export interface VideoRequest {
  prompt: string
  size?: string | undefined
  seconds?: string | undefined
  remixedFrom?: string | undefined
}
export type VideoJob = TimedJob & VideoRequest

export function createVideoJobs(model: string, timed: TimedOptions) {
  const jobs = createTimedJobs<VideoRequest>(timed)
  const { now } = timed

  const isDone = (job: VideoJob) => jobs.phaseOf(job) === 'ended'

  return {
    ...jobs,
    isDone,

    add: (asked: VideoRequest): VideoJob => jobs.add(asked, `video_gen_${randomBytes(16).toString('hex')}`),

    /** Newest first unless `asc`; nothing after an id that is not there. */
    page: (after: string | null, limit: number, order: string | null): { jobs: VideoJob[]; more: boolean } => {
      const all = order === 'asc' ? jobs.all() : jobs.all().toReversed()
      const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1
      const rest = after !== null && from === 0 ? [] : all.slice(from)
      return { jobs: rest.slice(0, limit), more: rest.length > limit }
    },

    show: (job: VideoJob) => {
      const done = isDone(job)
      const status = done
        ? job.fails
          ? 'failed'
          : 'completed'
        : jobs.phaseOf(job) === 'queued'
          ? 'queued'
          : 'in_progress'
      const run = (job.endsAtMs - job.startsAtMs) / 1000
      return {
        id: job.id,
        object: 'video',
        model,
        status,
        progress: done ? 100 : Math.max(0, Math.floor((now() - job.startsAtMs) / run / 10)),
        created_at: Math.floor(job.createdAtMs / 1000),
        completed_at: done ? Math.floor(job.endsAtMs / 1000) : null,
        expires_at: null,
        prompt: job.prompt,
        size: job.size ?? '832x480',
        seconds: job.seconds ?? '4',
        remixed_from_video_id: job.remixedFrom ?? null,
        error: status === 'failed' ? { code: 500, message: 'CUDA out of memory. Tried to allocate 2.50 GiB' } : null,
        quality: 'standard',
        media_type: 'video/mp4',
        file_name: status === 'completed' ? `${job.id}.mp4` : null,
        inference_time_s: done ? run : null,
      }
    },
  }
}
