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
  // By the width that it has now: a terminal made narrower or wider has wrapped anew what stands there.
  const rowsOf = (lines: readonly string[]) =>
    lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / (screen.columns || 80))), 0)
  const erase = () => {
    const rows = rowsOf(drawn)
    drawn = []
    return rows > 0 ? `\u001b[${rows}A\r\u001b[0J` : ''
  }
  return {
    show(lines) {
      const erased = erase()
      // A terminal that does not know its size says 0.
      drawn = fitting(lines, (screen.rows || 24) - 1, rowsOf)
      screen.write(erased + drawn.map((line) => `${line}\n`).join(''))
    },
    clear: () => void screen.write(erase()),
  }
}

/** As many lines as `room` rows hold, and how many more there are: what scrolled off the top could not be drawn over. */
function fitting(
  lines: readonly string[],
  room: number,
  rowsOf: (lines: readonly string[]) => number,
): readonly string[] {
  if (rowsOf(lines) <= room) return lines
  const more = (n: number) => `… ${n} more lines in a taller terminal`
  let n = lines.length - 1
  while (n > 0 && rowsOf([...lines.slice(0, n), more(lines.length - n)]) > room) n--
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
