/** The two output streams: colours where a person looks, plain text where a program reads. */
import { styleText } from 'node:util'

type Paint = (text: string) => string

export interface Style {
  bold: Paint
  dim: Paint
  red: Paint
  green: Paint
  yellow: Paint
  blue: Paint
}

export interface Terminal {
  /** A person is there who can answer a question. */
  interactive: boolean
  style: Style
  print(line: string): void
  /** Beside the result: progress and warnings, on stderr. */
  note(line: string): void
  /** `result` as JSON where that was asked for, else its lines. */
  show(json: boolean | undefined, result: unknown, lines: () => readonly string[]): void
}

export function styleFor(stream: { isTTY?: boolean }, env: Record<string, string | undefined>): Style {
  const coloured = stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  const paint =
    (format: Parameters<typeof styleText>[0]): Paint =>
    (text) =>
      coloured ? styleText(format, text, { validateStream: false }) : text
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    blue: paint('blue'),
  }
}

export function openTerminal(): Terminal {
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  return {
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    style: styleFor(process.stdout, process.env),
    print,
    note: (line) => void process.stderr.write(`${line}\n`),
    show(json, result, lines) {
      if (json) print(jsonText(result, 2))
      else for (const line of lines()) print(line)
    },
  }
}

/**
 * JSON text that drives no terminal: control, format and line-separating characters as escapes, which read back to the
 * same value.
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/**
 * Text that others wrote (reasons, names, messages of a server) with its control characters
 * taken out, in strings at any depth: an escape sequence in a reason must not drive a terminal.
 */
export function printable<T>(value: T): T {
  if (typeof value === 'string') return value.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]+/gu, ' ') as T
  if (Array.isArray(value)) return value.map(printable) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [printable(key), printable(inner)])) as T
}
