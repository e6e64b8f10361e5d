/** What a guardrail's table lacks: a code with params for programs, a sentence for people. */
import type { DetailParams } from '../errors.ts'

export interface Lack {
  code: string
  message: string
  params?: DetailParams
}

/** None of the limits is written, of which the kind needs one. */
export function limitMissing(...limits: string[]): Lack {
  const message = `a limit is missing: ${limits.join(' or ')}`
  return { code: 'limit_missing', message, params: { limits: limits.join(', ') } }
}
