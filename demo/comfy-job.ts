/** A job of a demo ComfyUI, and how the queue, the history and the newer `/api/jobs` show it. */
import type { Graph } from './comfy-graph.ts'

export interface ComfyJob {
  id: string
  number: number
  graph: Graph
  extra: Record<string, unknown>
  /** Ids of the nodes that make files. */
  outputs: string[]
  startsAtMs: number
  endsAtMs: number
  fails: boolean
  /** Of the sampler, as far as they have been told. */
  steps: number
  state: 'pending' | 'running' | 'done'
  /** Events that the history keeps. */
  messages: [string, Record<string, unknown>][]
  files: Record<string, unknown>
  isGood: boolean
}

export function queueItem({ number, id, graph, extra, outputs }: ComfyJob) {
  return [number, id, graph, extra, outputs]
}

export function historyEntry(job: ComfyJob) {
  const status = { status_str: job.isGood ? 'success' : 'error', completed: job.isGood, messages: job.messages }
  return { prompt: queueItem(job), outputs: job.files, status, meta: {} }
}

/** Whole, as it is asked for by its id. */
export function asJob(job: ComfyJob) {
  const { id, number: priority, state, isGood, extra, messages, files, graph } = job
  const status = { pending: 'pending', running: 'in_progress', done: isGood ? 'completed' : 'failed' }[state]
  const base = { id, status, priority, create_time: extra['create_time'] }
  if (state !== 'done') return { ...base, outputs_count: 0 }
  const dataOf = (event: string) => messages.find(([name]) => name === event)?.[1]
  const failed = dataOf('execution_error')
  return {
    ...base,
    execution_start_time: dataOf('execution_start')?.['timestamp'],
    execution_end_time: messages.at(-1)?.[1]['timestamp'],
    ...(failed ? { execution_error: failed } : {}),
    outputs_count: Object.keys(files).length,
    outputs: files,
    execution_status: historyEntry(job).status,
    workflow: { prompt: graph, extra_data: extra },
  }
}
