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
  let drawn = 0
  const erase = () => {
    const rows = drawn
    drawn = 0
    return rows > 0 ? `\u001b[${rows}A\r\u001b[0J` : ''
  }
  return {
    show(lines) {
      let text = erase()
      // A terminal that does not know its size says 0.
      const room = (screen.rows || 24) - 1
      for (const line of lines) {
        const rows = Math.max(1, Math.ceil(displayWidth(line) / (screen.columns || 80)))
        // What scrolled off the top could not be drawn over.
        if (drawn + rows > room) break
        text += `${line}\n`
        drawn += rows
      }
      screen.write(text)
    },
    clear: () => void screen.write(erase()),
  }
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
