/** Model Studio's tasks over HTTP. */
import { randomUUID } from 'node:crypto'
import { createDashscope } from './dashscope-tasks.ts'
import { restOptions, serveRest } from './rest-wire.ts'
import type { Wire, WireOptions } from './wire.ts'

/** A refusal is flat, as all errors of Model Studio. */
export function createDashscopeApi(options: WireOptions): Wire {
  const tasks = createDashscope({ ...restOptions(options), models: [options.model] })
  const modelOf = ({ body }: { body: string }) => /"model"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? null
  const error = (status: number, message: string) => ({
    code: status < 500 ? 'BadRequest' : 'InternalError',
    message,
    request_id: randomUUID(),
  })
  return serveRest({ ...tasks, modelOf, error }, options)
}
