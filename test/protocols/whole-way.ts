/** Bodies and answers on their whole way through the reader: all that is ever done with them, in one call each. */
import { expect } from 'vitest'
import { SluiceError } from '../../src/core/errors.ts'
import { answerJson } from '../../src/protocols/answer-json.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { repeated } from '../support/odd-texts.ts'
import { translation } from './contract.ts'

export type Encoding = 'json' | 'multipart' | 'urlencoded'
export type Fields = (readonly [name: string, value: string])[]
export interface Sent {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
}

export const PATHS = ['/v1/videos', '/v1/videos/edits', '/v1/videos/slc_a_slc/remix']

const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
export const json = (text: string): Sent => ({ bytes: bytesOf(text), contentType: 'application/json' })
export const form = (text: string): Sent => ({ bytes: bytesOf(text), contentType: 'application/x-www-form-urlencoded' })
export const multipart = (text: string): Sent => ({
  bytes: bytesOf(text),
  contentType: 'multipart/form-data; boundary=b',
})
export const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`
export const textPart = (name: string, value: string) => part(`content-disposition: form-data; name="${name}"`, value)

export function sent(encoding: Encoding, fields: Fields): Sent {
  if (encoding === 'json')
    return json(`{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`)
  if (encoding === 'multipart')
    return multipart(`${fields.map(([name, value]) => textPart(name, value)).join('')}--b--`)
  const encoded = (text: string) => encodeURIComponent(text.toWellFormed())
  return form(fields.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&'))
}

/** All that is ever done with a submit; the refusal, where there is one. Anything else that is thrown is a fault. */
export function submitted({ bytes, contentType }: Sent, path = '/v1/videos'): SluiceError | null {
  try {
    const submission = openaiVideos.readSubmission({ bytes, contentType, search: '' }, openaiVideos.route('POST', path))
    expect(submission.fingerprint).toMatch(/^[\da-f]{64}$/)
    const jobIds = new Map(submission.jobs.map((id) => [id, 'native']))
    for (const shadow of [false, true]) submission.rebuild({ model: 'n', jobIds, shadow })
    return null
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
}

/** All that is ever done with an answer. */
export function answered(text: string): string {
  const body = answerJson(text)
  openaiVideos.readJob({ status: 200, headers: new Headers(), body, job: null })
  const ids = new Map(
    openaiVideos
      .readIds(body)
      .slice(0, 100)
      .map((id) => [id, 'slc_A_slc']),
  )
  const by = { ...translation(ids.set('video_gen_77', 'slc_A_slc')), fileUrl: (path: string) => `/slc_F_slc${path}` }
  openaiVideos.translateHeader('location', text.slice(0, 8192).replaceAll(/[\r\n]/g, ''), by)
  return openaiVideos.translate(text, by)
}

export function plain(encoding: Encoding, { bytes }: Sent): Sent {
  return sent(encoding, [
    ['prompt', encoding === 'json' ? JSON.stringify(repeated('x', bytes.length)) : repeated('x', bytes.length)],
  ])
}

export const MILLION = 1_000_000
export const nested = (depth: number, count: number) =>
  `${'{"a":'.repeat(depth)}[${'"slc",'.repeat(count)}"x"]${'}'.repeat(depth)}`
export const commas = (item: string, count: number) => Array.from({ length: count }, () => item).join(',')
export const members = (count: number, value = '1') =>
  Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join(',')
