/** Model Studio's tasks over HTTP. */
import { randomUUID } from 'node:crypto'
import { clipOf } from './clip.ts'
import { createDashscope } from './dashscope-tasks.ts'
import { plainWire } from './plain-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

/** A refusal is flat, as all errors of Model Studio. */
export function createDashscopeApi(options: WireOptions): Wire {
  const { model, jobSeconds, clip: shown, random, faults } = options
  const clip = (id: string) => clipOf(shown, id)
  const tasks = createDashscope({ models: [model], jobSeconds, random, faults, now: Date.now, clip })
  const modelOf = ({ body }: { body: string }) => /"model"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? ''
  const refusal = (status: number, message: string) => ({
    code: status < 500 ? 'BadRequest' : 'InternalError',
    message,
    request_id: randomUUID(),
  })
  return plainWire({ ...tasks, modelOf, refusal }, options)
}
