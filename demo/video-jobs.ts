/** The job store of a demo backend, in memory as vLLM-Omni's is, and jobs as that server shows them. */
import { randomBytes } from 'node:crypto'

export interface VideoJob {
  id: string
  prompt: string
  size: string
  seconds: string
  remixedFrom: string | null
  createdAtMs: number
  startsAtMs: number
  endsAtMs: number
  fails: boolean
}

export interface JobRequest {
  prompt: string
  size?: string | undefined
  seconds?: string | undefined
  remixedFrom?: string | undefined
  /** From submit to end. */
  takesMs: number
  fails: boolean
}

/** Beyond it the oldest are forgotten, so that traffic can run for days. */
const MAX_JOBS = 20_000
/** Share of a job's time that it waits for its turn. */
const QUEUED_SHARE = 0.1

/** `nowMs` is the clock of every status. */
export function createVideoJobs(model: string, nowMs: () => number) {
  const jobs = new Map<string, VideoJob>()

  const isDone = (job: VideoJob) => nowMs() >= job.endsAtMs

  return {
    isDone,

    add: ({ prompt, size = '832x480', seconds = '4', remixedFrom, takesMs, fails }: JobRequest): VideoJob => {
      const id = `video_gen_${randomBytes(16).toString('hex')}`
      const createdAtMs = nowMs()
      const startsAtMs = createdAtMs + takesMs * QUEUED_SHARE
      const times = { createdAtMs, startsAtMs, endsAtMs: createdAtMs + takesMs }
      const job = { id, prompt, size, seconds, remixedFrom: remixedFrom ?? null, ...times, fails }
      jobs.set(id, job)
      for (const oldest of jobs.keys()) {
        if (jobs.size <= MAX_JOBS) break
        jobs.delete(oldest)
      }
      return job
    },

    find: (id: string) => jobs.get(id),

    remove: (id: string) => jobs.delete(id),

    /** Newest first unless `asc`; nothing after an id that is not there. */
    page: (after: string | null, limit: number, order: string | null): { jobs: VideoJob[]; more: boolean } => {
      const all = order === 'asc' ? [...jobs.values()] : [...jobs.values()].toReversed()
      const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1
      const rest = after !== null && from === 0 ? [] : all.slice(from)
      return { jobs: rest.slice(0, limit), more: rest.length > limit }
    },

    show: (job: VideoJob) => {
      const done = isDone(job)
      const status = done ? (job.fails ? 'failed' : 'completed') : nowMs() < job.startsAtMs ? 'queued' : 'in_progress'
      const run = (job.endsAtMs - job.startsAtMs) / 1000
      return {
        id: job.id,
        object: 'video',
        model,
        status,
        progress: done ? 100 : Math.max(0, Math.floor((nowMs() - job.startsAtMs) / run / 10)),
        created_at: Math.floor(job.createdAtMs / 1000),
        completed_at: done ? Math.floor(job.endsAtMs / 1000) : null,
        expires_at: null,
        prompt: job.prompt,
        size: job.size,
        seconds: job.seconds,
        remixed_from_video_id: job.remixedFrom,
        error: status === 'failed' ? { code: 500, message: 'CUDA out of memory. Tried to allocate 2.50 GiB' } : null,
        quality: 'standard',
        media_type: 'video/mp4',
        file_name: status === 'completed' ? `${job.id}.mp4` : null,
        inference_time_s: done ? run : null,
      }
    },
  }
}
