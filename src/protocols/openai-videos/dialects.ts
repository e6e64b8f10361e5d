/**
 * Jobs of servers that speak this wire in words of their own, as OpenAI's clients read them, whichever arm they come
 * from. All else stays byte for byte, errors of requests too. Never throws.
 */
import { answerJson, saysSomething } from '../answer-json.ts'
import type { FieldValue } from '../body/form-body.ts'
import { tryOpenJson } from '../body/json.ts'
import { isResourceId } from '../resource-id.ts'
import { putFields } from '../submission/field-mapping.ts'
import { statusOf } from './backend-job.ts'

/** What may need another word: most answers hold none of it, and are not read. */
const STATUSES = /"status"\s*:\s*"([^"]*)"/g
const ERROR = /"error"\s*:\s*["{]/
const WORDS = new Set(['queued', 'in_progress', 'completed', 'failed', 'cancelled'])

type Change = [path: string[], value: FieldValue]

export function asOpenAi(text: string): string {
  if (!ERROR.test(text) && [...text.matchAll(STATUSES)].every(([, word = '']) => WORDS.has(word))) return text
  const answer = answerJson(text)
  if (answer === null || typeof answer !== 'object' || Array.isArray(answer)) return text
  const { id, status, error } = answer as Record<string, unknown>
  const changes = isResourceId(id) && typeof status === 'string' ? [...inStatus(status), ...inError(error, status)] : []
  const body = changes.length === 0 ? null : tryOpenJson(text)
  return body ? new TextDecoder().decode(putFields(body, changes)) : text
}

/** Clients stop at any status that they do not know, as if the job had ended. */
function inStatus(word: string): Change[] {
  if (word === 'deleted') {
    return [
      [['object'], { text: 'video.deleted' }],
      [['deleted'], { json: 'true' }],
    ]
  }
  const shown = SHOWN[statusOf(word)]
  return shown === word ? [] : [[['status'], { text: shown }]]
}

const SHOWN = {
  queued: 'queued',
  running: 'in_progress',
  ended: 'completed',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const

/** TensorRT-LLM's is a text, and SGLang's has no code. */
function inError(error: unknown, status: string): Change[] {
  if (statusOf(status) !== 'failed' && !saysSomething(error))
    return (error ?? null) === null ? [] : [[['error'], { json: 'null' }]]
  if (typeof error === 'string') return [[['error'], { json: JSON.stringify({ code: CODE, message: error }) }]]
  const lacksCode = error !== null && typeof error === 'object' && ((error as { code?: unknown }).code ?? null) === null
  return lacksCode && !Array.isArray(error) ? [[['error', 'code'], { text: CODE }]] : []
}

const CODE = 'server_error'
