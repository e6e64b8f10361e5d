/** A submit to fal's queue: its body is the model's input, its model stands in the path, its webhook in the query. */
import { MAX_NAME_CHARS } from '../body/bounds.ts'
import { malformed } from '../body/form-body.ts'
import { openBody } from '../body/open.ts'
import type { Route } from '../protocol.ts'
import type { Submission, SubmitBody } from '../submit.ts'
import { inputFacts } from '../submission/facts.ts'
import { shadowCopy } from '../submission/shadow-copy.ts'
import { submissionOf } from '../submission/submission.ts'

const WEBHOOK = 'fal_webhook'

export function readFalSubmit(sent: SubmitBody, route: Route): Submission {
  const path = route.upstreamPath(null)
  const model = path.slice(1)
  if (model.length > MAX_NAME_CHARS)
    throw malformed('the path', `names a model of more than ${MAX_NAME_CHARS} characters`)
  const body = openBody(sent.bytes, sent.contentType)
  return submissionOf(body, sent, path, {
    model,
    ...inputFacts(new Map(body.fields.map(({ name, value }) => [name, value]))),
    rebuild: ({ model: own, shadow, webhook }) => ({
      bytes: shadow ? shadowCopy(body) : sent.bytes,
      path: route.upstreamPath(null, own),
      ...(webhook && !shadow ? { search: withWebhook(sent.search, webhook) } : {}),
    }),
  })
}

/** Everything else in the query as it is written. */
function withWebhook(search: string, sealed: (url: string) => string): string {
  const [asked] = new URLSearchParams(search).getAll(WEBHOOK)
  if (asked === undefined) return search
  const isAsked = (piece: string) => new URLSearchParams(piece).has(WEBHOOK)
  const others = search
    .slice(1)
    .split('&')
    .filter((piece) => !isAsked(piece))
  return `?${[...others, `${WEBHOOK}=${encodeURIComponent(sealed(asked))}`].join('&')}`
}
