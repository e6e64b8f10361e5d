/** What a download's answer shows of the video: the backend's fault where it is one, and never what the client asked for. */
import { describe, expect, test } from 'vitest'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { showsNoVideo } from '../../src/protocols/video-answer.ts'

type Fields = Record<string, string>

interface Case {
  method?: string
  query?: string
  asked?: Fields
  status?: number
  answered?: Fields
  isEmpty?: boolean
}

function showsNone({ method = 'GET', query = '', asked = {}, status = 200, answered = {}, isEmpty = false }: Case) {
  return showsNoVideo(
    openaiVideos,
    { method, headers: new Headers(asked), query: new URLSearchParams(query) },
    { status, headers: new Headers(answered), isEmpty },
  )
}

const MP4 = { 'content-type': 'video/mp4' }
const JSON_TYPE = { 'content-type': 'application/json' }

describe('a finished job has no video where its download', () => {
  test.each<[string, Case]>([
    ['is missing', { status: 404, answered: JSON_TYPE }],
    ['is gone', { status: 410, answered: MP4 }],
    ['says that it is empty', { answered: { ...MP4, 'content-length': '0' } }],
    ['ends before its first byte', { answered: MP4, isEmpty: true }],
    ['has no body by its status', { status: 204 }],
    ['is JSON', { answered: JSON_TYPE }],
    ['is a page', { answered: { 'content-type': 'text/html' } }],
    ['is text in part', { status: 206, answered: { 'content-type': 'text/plain' } }],
    [
      'has no length to take a part of',
      { status: 416, answered: { 'content-range': 'bytes */0' }, asked: rangeOf('0-') },
    ],
    ['is unchanged, though nobody asked', { status: 304 }],
    ['is missing for a browser', { status: 404, asked: { accept: 'text/html,*/*;q=0.8' } }],
    ['is missing for the official client', { status: 404, asked: { accept: 'application/binary' } }],
    ['is missing in part', { status: 404, asked: rangeOf('0-0,4-4') }],
  ])('%s', (_, given) => {
    expect(showsNone(given)).toBe(true)
  })
})

describe('nothing speaks against a video', () => {
  test.each<[string, Case]>([
    ['that is whole', { answered: { ...MP4, 'content-length': '9' } }],
    ['under another name', { answered: { 'content-type': 'application/mp4' } }],
    ['of plain bytes', { answered: { 'content-type': 'binary/octet-stream' } }],
    ['without a type', {}],
    ['in part', { status: 206, answered: MP4, asked: rangeOf('0-0') }],
    ['in several parts', { status: 206, answered: { 'content-type': 'multipart/byteranges; boundary=b0' } }],
    [
      'that has no such part',
      { status: 416, answered: { 'content-range': 'bytes */9', ...JSON_TYPE }, asked: rangeOf('9-') },
    ],
    ['that the client has already', { status: 304, asked: { 'if-none-match': '"a"' } }],
    ['that has not changed since', { status: 304, asked: { 'if-modified-since': 'Tue, 24 Nov 2026 08:00:00 GMT' } }],
    ['that is not the one wanted', { status: 412, asked: { 'if-match': '"a"' } }],
    ['of which only the head is asked for', { method: 'HEAD', status: 404 }],
    ['whose head tells no length', { method: 'HEAD', answered: { 'content-length': '0' }, isEmpty: true }],
    ['that has no thumbnail', { query: 'variant=thumbnail', status: 404 }],
    ['that has no sprites', { query: 'variant=spritesheet', answered: JSON_TYPE }],
    ['that the client does not take', { asked: { accept: 'application/json' }, answered: JSON_TYPE }],
    ['that is not acceptable', { status: 406 }],
    ['that is elsewhere', { status: 302 }],
    ['that users may not have', { status: 403 }],
    ['of a job that failed', { status: 422 }],
    ['while its backend is broken', { status: 500 }],
    ['while its backend is full', { status: 429 }],
  ])('%s', (_, given) => {
    expect(showsNone(given)).toBe(false)
  })
})

function rangeOf(range: string): Fields {
  return { range: `bytes=${range}` }
}
