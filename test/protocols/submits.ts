/** Submits of the OpenAI Videos wire, read and rebuilt in one step. */
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import type { RebuildTarget } from '../../src/protocols/submit.ts'

export const multipart = (fields: Record<string, string>) =>
  `${Object.entries(fields)
    .map(([name, value]) => `--b0undary\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--b0undary--\r\n`

export function read(body: string | Uint8Array, contentType: string | null = 'application/json', path = '/v1/videos') {
  const bytes = (typeof body === 'string' ? new TextEncoder().encode(body) : body) as Uint8Array<ArrayBuffer>
  return openaiVideos.readSubmission({ bytes, contentType, search: '' }, openaiVideos.route('POST', path))
}

export function rebuilt(submission: ReturnType<typeof read>, target: Partial<RebuildTarget>): string {
  return Buffer.from(submission.rebuild({ model: null, jobIds: new Map(), shadow: false, ...target }).bytes).toString()
}
