/** What is drawn: columns, colours, views in place, and the completion scripts as a shell runs them. */
import { spawnSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createFullScreenView, createLiveView } from '../../src/cli/live.ts'
import { askReason } from '../../src/cli/session.ts'
import { displayWidth, table } from '../../src/cli/table.ts'
import { jsonText, printable, styleFor } from '../../src/cli/terminal.ts'
import { span } from '../../src/cli/words.ts'
import { run } from './run.ts'

describe('table', () => {
  it('lines up Chinese, accents and colours', () => {
    expect(displayWidth('视频ab')).toBe(6)
    expect(displayWidth('e\u0301')).toBe(1)
    expect(displayWidth('\u001b[31mred\u001b[39m')).toBe(3)
    expect(
      table([
        ['视频', 'x'],
        ['abcde', 'y'],
      ]),
    ).toEqual(['视频   x', 'abcde  y'])
    expect(
      table(
        [
          ['1', 'a'],
          ['100', 'b'],
        ],
        ['right'],
      ),
    ).toEqual(['  1  a', '100  b'])
    expect(table([])).toEqual([])
  })
})

describe('span', () => {
  it('keeps the unit that matters', () => {
    expect([0, 119, 120, 7199, 7500, 200_000].map(span)).toEqual([
      '0 s',
      '1 min 59 s',
      '2 min',
      '2 h',
      '2 h 5 min',
      '2 d 8 h',
    ])
  })
})

describe('colours', () => {
  it('are only for terminals, and not with NO_COLOR', () => {
    expect(styleFor({ isTTY: true }, {}).red('x')).toBe('\u001b[31mx\u001b[39m')
    expect(styleFor({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x')
    expect(styleFor({ isTTY: true }, { TERM: 'dumb' }).red('x')).toBe('x')
    expect(styleFor({}, {}).red('x')).toBe('x')
  })
})

describe('the question for a reason', () => {
  const answering = async (keys: string) => {
    const input = new PassThrough()
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    const asked = askReason('resume', { input, output })
    input.write(keys)
    return { reason: await asked, shown: String(output.read()) }
  }

  it('takes a line', async () => {
    const { reason, shown } = await answering(' lunch is over \r')
    expect(reason).toBe('lunch is over')
    expect(shown).toContain('Reason for resume (goes into the history): ')
  })

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-C behind some words', 'ab\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('is left by %s, and nothing is done', async (_, keys) => {
    await expect(answering(keys)).rejects.toMatchObject({
      name: 'Failure',
      exitCode: 1,
      code: 'cancelled',
      message: 'nothing was changed: resume was cancelled',
    })
  })
})

function screenOf(size: { isTTY?: boolean; columns?: number; rows?: number }) {
  const written: string[] = []
  return { ...size, written, write: (text: string) => written.push(text) }
}

describe('a live view', () => {
  it('draws over itself on a terminal, wrapped lines included', () => {
    const screen = screenOf({ isTTY: true, columns: 10, rows: 10 })
    const view = createLiveView(screen)
    view.show(['short', 'x'.repeat(15)], '')
    view.show(['next'], '')
    view.clear()
    const long = 'x'.repeat(15)
    expect(screen.written).toEqual([`short\n${long}\n`, '\u001b[3A\r\u001b[0Jnext\n', '\u001b[1A\r\u001b[0J'])
  })

  it('draws no more than the terminal holds, and says how much it leaves out', () => {
    const screen = screenOf({ isTTY: true, columns: 80, rows: 4 })
    const view = createLiveView(screen)
    view.show(['1', '2', '3', '4', '5'], '')
    view.show(['1', '2', '3'], '')
    expect(screen.written).toEqual(['1\n2\n… 3 more lines in a taller terminal\n', '\u001b[3A\r\u001b[0J1\n2\n3\n'])
  })

  it('draws over what a terminal that was made narrower has wrapped anew', () => {
    const screen = screenOf({ isTTY: true, columns: 20, rows: 10 })
    const view = createLiveView(screen)
    view.show(['short', 'x'.repeat(15)], '')
    screen.columns = 5
    view.show(['next'], '')
    expect(screen.written[1]).toBe('\u001b[4A\r\u001b[0Jnext\n')
  })

  it('draws on a terminal that does not know its size', () => {
    const screen = screenOf({ isTTY: true, columns: 0, rows: 0 })
    createLiveView(screen).show(['1'], '')
    expect(screen.written).toEqual(['1\n'])
  })

  it('prints a line per change elsewhere', () => {
    const screen = screenOf({})
    const view = createLiveView(screen, () => 0)
    for (const line of ['a', 'a', 'b']) view.show([], line)
    expect(screen.written).toEqual(['1970-01-01T00:00:00Z  a\n', '1970-01-01T00:00:00Z  b\n'])
  })
})

describe('a view that has the terminal to itself', () => {
  const ALTERNATE = '\u001b[?1049h'
  const ORDINARY = '\u001b[?1049l'
  const drawn = (...lines: string[]) => `\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`
  const program = () => {
    const killed: string[] = []
    return Object.assign(new EventEmitter(), { pid: 1, killed, kill: (_: number, by: string) => killed.push(by) > 0 })
  }
  type Program = Parameters<typeof createFullScreenView>[1]
  const viewOf = (screen: ReturnType<typeof screenOf>, of = program()) =>
    createFullScreenView(screen, of as unknown as Program)

  it('draws on the alternate screen, and leaves on the ordinary one all of what it showed last', () => {
    const screen = screenOf({ isTTY: true, columns: 80, rows: 3 })
    const view = viewOf(screen)
    view.show(['1'], '')
    view.show(['1', '2', '3'], '')
    view.close()
    view.close()
    expect(screen.written).toEqual([
      ALTERNATE + drawn('1'),
      drawn('1', '… 2 more lines in a taller terminal'),
      `${ORDINARY}1\n2\n3\n`,
    ])
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('gives the screen back at %s, which then ends the program', (signal) => {
    const screen = screenOf({ isTTY: true })
    const of = program()
    viewOf(screen, of).show(['1'], '')
    of.emit(signal, signal)
    expect(screen.written.at(-1)).toBe(`${ORDINARY}1\n`)
    expect([of.killed, of.eventNames()]).toEqual([[signal], []])
  })

  it('gives the screen back while it is suspended', () => {
    const screen = screenOf({ isTTY: true })
    const of = program()
    const view = viewOf(screen, of)
    view.show(['1'], '')
    of.emit('SIGTSTP')
    view.show(['2'], '')
    expect([of.killed, screen.written.slice(1)]).toEqual([['SIGSTOP'], [`${ORDINARY}1\n`, ALTERNATE + drawn('2')]])
  })

  it('says nothing of it where nothing was shown, or without a terminal', () => {
    const screens = [screenOf({ isTTY: true }), screenOf({})]
    for (const screen of screens) viewOf(screen).close()
    viewOf(screens[1]!).show([], 'a line')
    expect(screens.map(({ written }) => written)).toEqual([[], [expect.stringMatching(/Z {2}a line\n$/)]])
  })
})

describe('completion', () => {
  const completed = async (words: string[]): Promise<string[]> => {
    const { out } = await run(['completion', 'bash'])
    const line = words.map((word) => `'${word}'`).join(' ')
    const script = `${out}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' })
    expect(stderr).toBe('')
    return stdout.trim().split('\n')
  }

  it('knows commands, subcommands and options in bash', async () => {
    expect(await completed(['sluice', 'sta'])).toEqual(['status', 'start'])
    expect(await completed(['sluice', 'config', ''])).toEqual(
      expect.arrayContaining(['check', 'show', 'diff', 'set', 'unset']),
    )
    expect(await completed(['sluice', '--json', 'advance', '--w'])).toEqual(['--wait'])
    expect(await completed(['sluice', 'config', 'set', '--dr'])).toEqual(['--dry-run'])
  })

  it('is printed for zsh and fish, too, and for nothing else', async () => {
    expect((await run(['completion', 'zsh'])).out).toMatch(/^#compdef sluice\n/)
    expect((await run(['completion', 'fish'])).out).toContain('complete -c sluice')
    expect((await run(['completion', 'csh'])).code).toBe(2)
  })
})

describe('help', () => {
  it('shows a command’s own options and the global ones', async () => {
    const { code, out } = await run(['advance', '--help'])
    expect(code).toBe(0)
    for (const word of ['--wait', '--force', '--reason', '--url', 'SLUICE_TOKEN', '--json']) expect(out).toContain(word)
  })

  it('is what a bare command prints, as wrong usage', async () => {
    const { code, err } = await run([])
    expect([code, err]).toEqual([2, expect.stringContaining('Usage: sluice')])
  })

  it('suggests the command that was meant', async () => {
    expect((await run(['statsu'])).err).toContain('Did you mean status?')
  })
})

describe('JSON for scripts, on a terminal', () => {
  const odd = 'a\u009b31m\u202e\u0007\u007f\u2028\u200f\u061c\ufeff\u{e0041}z 视频 é'

  it('holds none of the characters that drive one, and reads back to the same', () => {
    for (const indent of [undefined, 2]) {
      const text = jsonText({ [odd]: [odd] }, indent)
      expect(text).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(text).toContain('视频 é')
      expect(JSON.parse(text)).toEqual({ [odd]: [odd] })
    }
    expect(jsonText('\u009b\u202e')).toBe(String.raw`"\u009b\u202e"`)
  })

  it('nor does what is printed for people', () => {
    expect(printable(odd)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u)
  })
})
