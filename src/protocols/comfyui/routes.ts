/** Operations of ComfyUI by method, path and query: a job stands in a path, in a body or, as a sealed file, in a query. */
import { isTagged } from '../../core/job-id.ts'
import { asServersRead, decodedSegment, jobAt, plainSpelling, rooted } from '../path-spelling.ts'
import type { Route } from '../protocol.ts'
import { CONTENT, fixed, isRead, type Kind, LIST, other, POLL, SUBMIT, withIds } from '../route-kinds.ts'

const CANCEL: Kind = { operation: 'cancel', body: 'jobs', answer: 'deletion' }
/** The input is sent on as it comes, and what it is called then is its owner's. */
const INPUT: Kind = { operation: 'other', body: 'stream', answer: 'json' }
/** It names an input or a file. */
const MASK: Kind = { operation: 'other', body: 'submission', answer: 'json' }
const SOCKET: Kind = { operation: 'other', body: 'none', answer: 'socket' }

/** The wire's own words; every path has a twin below `/api`, where `jobs` stands only. */
const WORDS: ReadonlySet<string> = new Set(['prompt', 'history', 'queue', 'interrupt', 'view', 'ws', 'jobs', 'upload'])
/** What stands below one of these is no path of jobs, whatever it ends in. */
const OTHERS = /^(?:\/api)?\/(?:userdata|users|extensions|internal|manager|customnode|object_info|models|v2)(?:\/|$)/
const ENDING = /\.[A-Za-z0-9]{1,8}$/
/** Says in a file's own name where it lies, and outdoes `type`. */
const RESULT_NAME = /\[(?:output|temp)\]$/

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
export function routeComfy(method: string, given: string, search = ''): Route {
  const plain = plainSpelling(given)
  const found = named(plain) ?? (plain.includes('%') ? named(asServersRead(plain)) : null)
  if (!found) return placed(other(method), '', plain)
  const { prefix, word, id, below } = found
  if (word === 'upload')
    return placed(method !== 'POST' ? other(method) : id === 'mask' ? MASK : INPUT, prefix, `${prefix}/upload/${id}`)
  if (id !== null) return ofJob(isRead(method) && below === '' ? POLL : withIds(method), found, id)
  const own = `${prefix}/${word}`
  if (word === 'view' && isRead(method)) return ofFile(prefix, new URLSearchParams(search))
  if (word === 'ws' && method === 'GET') return placed(SOCKET, prefix, own)
  if (method === 'POST' && word === 'prompt') return placed(SUBMIT, prefix, own)
  if (method === 'POST' && ['queue', 'interrupt', 'history'].includes(word)) return placed(CANCEL, prefix, own)
  if (method === 'GET' && ['queue', 'history', 'jobs'].includes(word)) return placed(LIST, prefix, own)
  return placed(other(method), prefix, own)
}

export function historyPath(prefix: string, id: string): string {
  return `${prefix}/history/${encodeURIComponent(id)}`
}

/** Where the backend itself shows a file; its name comes last, so that the path ends as the file does. */
export function viewPath(prefix: string, file: { filename: string; subfolder: string; type: string }): string {
  const { type, subfolder, filename } = file
  return `${prefix}/view?type=${encodeURIComponent(type)}&subfolder=${encodeURIComponent(subfolder)}&filename=${encodeURIComponent(filename)}`
}

/** What players and scripts tell a file's kind by; '' where there is nothing of that kind. */
export function endingOf(filename: string): string {
  return ENDING.exec(filename)?.[0] ?? ''
}

/** Whether a file that is named so is one that was made, whoever made it, and not one that a client has uploaded. */
export function isResult(filename: string, type: string | null): boolean {
  return filename !== '' && (type !== 'input' || RESULT_NAME.test(filename))
}

interface Named {
  prefix: string
  word: string
  /** Decoded; null where the path ends before it. */
  id: string | null
  /** What stands behind the id, with its slash. */
  below: string
}

function named(given: string): Named | null {
  if (OTHERS.test(given)) return null
  const path = given.length > 1 && given.endsWith('/') ? given.slice(0, -1) : given
  const [root, ...segments] = path.split('/')
  // The last segment is an id where the one before it is a word.
  const at = [segments.length - 2, segments.length - 1].find((i) => WORDS.has(segments[i] ?? ''))
  if (root !== '' || at === undefined || segments.slice(0, at).includes('')) return belowJob(path)
  const prefix = rooted(segments.slice(0, at))
  const word = segments[at]!
  const id = segments[at + 1]
  if (word === 'upload') return id === 'image' || id === 'mask' ? { prefix, word, id, below: '' } : null
  if (word === 'jobs' ? !prefix.endsWith('/api') : id !== undefined && word !== 'history') return null
  return { prefix, word, id: id === undefined ? null : decodedSegment(id), below: '' }
}

/** What stands below a job's own path is about that job. What could lead a server out of it again is one id that is none. */
function belowJob(path: string): Named | null {
  const segments = path.split('/')
  const at = segments.findIndex((word, i) => word === 'history' || (word === 'jobs' && segments[i - 1] === 'api'))
  const [id, ...rest] = segments.slice(at + 1)
  if (at < 1 || id === undefined || rest.length === 0) return null
  const { job, below } = jobAt([id, ...rest])
  const named = { prefix: segments.slice(0, at).join('/'), word: segments[at]! }
  return { ...named, id: job, below: rooted(below) }
}

function ofJob(kind: Kind, { prefix, word, below }: Named, id: string): Route {
  const path = (upstreamId: string) => `${prefix}/${word}/${encodeURIComponent(upstreamId)}${below}`
  return { ...kind, prefix, job: id, upstreamPath: (upstreamId) => path(upstreamId ?? id) }
}

/** A file that Sluice has named is its owner's, at the arm that made it. Any other result is from before Sluice. */
function ofFile(prefix: string, query: URLSearchParams): Route {
  const filename = query.get('filename') ?? ''
  const stem = filename.slice(0, filename.length - endingOf(filename).length)
  const own = `${prefix}/view`
  // An input is named like a job is.
  if (isTagged(filename) && query.get('type') === 'input')
    return { ...placed(CONTENT, prefix, own), operation: 'other', job: filename, ...inputAt(own) }
  if (isTagged(stem)) {
    for (const name of ['filename', 'subfolder', 'type']) query.delete(name)
    return { ...placed(CONTENT, prefix, own), file: { id: stem, search: query.size > 0 ? `&${query.toString()}` : '' } }
  }
  // An input is nobody's result.
  if (!isResult(filename, query.get('type'))) return placed(other('GET'), prefix, own)
  return { ...placed(CONTENT, prefix, own), job: filename }
}

/** Where an input is shown that is called so. */
function inputAt(own: string): Pick<Route, 'upstreamPath' | 'search'> {
  const path = (input: string) => {
    const at = input.lastIndexOf('/')
    const named = new URLSearchParams({ filename: input.slice(at + 1), subfolder: input.slice(0, Math.max(0, at)) })
    return `${own}?type=input&${named.toString()}`
  }
  return { upstreamPath: (input) => (input === null ? own : path(input)), search: '' }
}

function placed(kind: Kind, prefix: string, path: string): Route {
  return { ...fixed(kind, path), prefix }
}
