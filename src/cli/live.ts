/** A view that is drawn again and again: in place on a terminal, one line per change anywhere else. */
import { displayWidth } from './table.ts'

export interface LiveView {
  /** `lines` for a terminal; `line` for a log, printed only when it differs from the last one. */
  show(lines: readonly string[], line: string): void
  /** Takes the view off the terminal, before something else is printed there. */
  clear(): void
}

interface Screen {
  isTTY?: boolean
  columns?: number
  rows?: number
  write(text: string): unknown
}

export function createLiveView(screen: Screen, clock: () => number = Date.now): LiveView {
  return screen.isTTY ? inPlace(screen) : asLog(screen, clock)
}

function inPlace(screen: Screen): LiveView {
  let drawn: readonly string[] = []
  const erase = () => {
    // By the width that it has now: a terminal made narrower or wider has wrapped anew what stands there.
    const rows = rowsOf(drawn, screen)
    drawn = []
    return rows > 0 ? `\u001b[${rows}A\r\u001b[0J` : ''
  }
  return {
    show(lines) {
      const erased = erase()
      drawn = fitting(lines, screen)
      screen.write(erased + drawn.map((line) => `${line}\n`).join(''))
    },
    clear: () => void screen.write(erase()),
  }
}

type Program = Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A view that has a terminal to itself until `close`, on its alternate screen, so that what is drawn over leaves nothing
 * in the scrollback. What it showed last then stands on the ordinary screen. Anywhere else it is a log.
 */
export function createFullScreenView(
  screen: Screen,
  program: Program = process,
): Pick<LiveView, 'show'> & { close(): void } {
  if (!screen.isTTY) return { ...asLog(screen, Date.now), close() {} }
  let shown: readonly string[] = []
  let isOpen = false
  const text = (lines: readonly string[], end: string) => lines.map((line) => line + end).join('')
  const leave = () => {
    if (isOpen) screen.write(`\u001b[?1049l${text(shown, '\n')}`)
    isOpen = false
  }
  // Nobody listens any more, so that the signal does what it does.
  const endBy = (signal: NodeJS.Signals) => {
    close()
    program.kill(program.pid, signal)
  }
  const suspend = () => {
    leave()
    program.kill(program.pid, 'SIGSTOP')
  }
  const close = () => {
    for (const signal of ENDING) program.off(signal, endBy)
    program.off('SIGTSTP', suspend)
    leave()
  }
  for (const signal of ENDING) program.on(signal, endBy)
  program.on('SIGTSTP', suspend)
  return {
    show(lines) {
      const drawn = fitting(lines, screen)
      screen.write(`${isOpen ? '' : '\u001b[?1049h'}\u001b[H${text(drawn, '\u001b[K\n')}\u001b[J`)
      shown = lines
      isOpen = true
    },
    close,
  }
}

function rowsOf(lines: readonly string[], { columns }: Screen): number {
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / (columns || 80))), 0)
}

/** As many lines as it holds above the cursor's, and how many more there are: what scrolled off the top could not be drawn over. */
function fitting(lines: readonly string[], screen: Screen): readonly string[] {
  // A terminal that does not know its size says 0.
  const room = (screen.rows || 24) - 1
  if (rowsOf(lines, screen) <= room) return lines
  const more = (n: number) => `… ${n} more lines in a taller terminal`
  let n = lines.length - 1
  while (n > 0 && rowsOf([...lines.slice(0, n), more(lines.length - n)], screen) > room) n--
  return [...lines.slice(0, n), more(lines.length - n)]
}

function asLog(screen: Screen, clock: () => number): LiveView {
  let last = ''
  return {
    show(_lines, line) {
      if (line === last) return
      last = line
      screen.write(`${new Date(clock()).toISOString().replace(/\.\d+Z/, 'Z')}  ${line}\n`)
    },
    clear() {},
  }
}
