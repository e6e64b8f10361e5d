/**
 * Which plane a path belongs to. The control plane has one spelling, so that a rule in front of Sluice which guards
 * `/_sluice/` guards all of it; what some server would read as that path is nobody's.
 */

const CONTROL = '/_sluice'
/** A letter, digit, `-`, `.`, `_` or `~` written as a code: no client needs that, and servers read it like the plain one. */
const NEEDLESS_CODE = /%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i
/** A code inside a code inside …: servers in a row may each decode once. */
const MAX_DECODINGS = 4

/** What no server reads in two ways, and what begins otherwise than the prefix. */
const PLAIN_DATA = /^(?:\/(?!_)[\w-]+(?:\/[\w-]+)*)?\/?$/

/** `disguised`: neither plane's, and to be answered with 404. */
export type Plane = 'control' | 'data' | 'disguised'

/** `url`: absolute, as the request line or the platform spells it. */
export function planeOf(url: string): Plane {
  const path = pathOf(url)
  if (PLAIN_DATA.test(path)) return 'data'
  const isPlain = path === CONTROL || path.startsWith(`${CONTROL}/`)
  if (isPlain && !NEEDLESS_CODE.test(path) && !hasDots(path)) return 'control'
  return isPlain || readsAsControl(path) ? 'disguised' : 'data'
}

/** `http://host/path?query` → `/path`, as it is written. */
function pathOf(url: string): string {
  const authority = url.slice(url.indexOf('://') + 3)
  const begin = authority.search(/[/?#]/)
  return begin < 0 ? '/' : (/^[^?#]*/.exec(authority.slice(begin)) as RegExpExecArray)[0]
}

function hasDots(path: string): boolean {
  return path.split('/').some((segment) => segment === '.' || segment === '..')
}

/** Whether a server that decodes, folds case, merges slashes, resolves dots or drops parameters would find it there. */
function readsAsControl(path: string): boolean {
  let read = path
  for (let i = 0; i < MAX_DECODINGS && read.includes('%'); i++) {
    const once = decoded(read)
    if (once === read) break
    read = once
  }
  const segments: string[] = []
  for (const piece of read.normalize('NFKC').toLowerCase().replaceAll('\\', '/').split('/')) {
    const segment = piece.split(';', 1)[0]!.trim()
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return segments[0] === CONTROL.slice(1)
}

/** Each code of an ASCII character; what lies beyond can't spell the prefix. */
function decoded(text: string): string {
  return text.replaceAll(/%([0-7][\da-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
