/** A backend's answer as JSON, where it is any and holds no more than an answer may. */
import { ANSWER_BOUNDS, isWithin } from './body/bounds.ts'

/** Undefined for what is no JSON, and for what holds more than an answer may: it is not looked into. */
export function answerJson(text: string): unknown {
  try {
    return isWithin(text, ANSWER_BOUNDS) ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
