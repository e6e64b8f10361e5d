/** `sluice status`: how the release stands; once, or followed until told otherwise. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { type ReleaseView, releaseSchema } from '../api/index.ts'
import type { Reply } from './api-client.ts'
import { EXIT, type ExitCode } from './failure.ts'
import { createFullScreenView } from './live.ts'
import { secondsArgument } from './numbers.ts'
import { releaseOnceAvailable } from './retry.ts'
import { isUnhealthy, logLine, releaseLines } from './release-view.ts'
import { openSession, type Session } from './session.ts'
import { jsonText } from './terminal.ts'

interface StatusOptions {
  watch?: boolean
  untilDone?: boolean
  interval: number
}

export function addStatus(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('status')
    .summary('the state of the release; exit code 3 when unhealthy')
    .description(
      'Shows the state of the release, what it waits for, and each guardrail with its evidence.\n' +
        'Exit code 3 when it is rolled back or a guardrail is breached.',
    )
    .option('-w, --watch', 'follow it: on the whole screen of a terminal, else a line per change')
    .option('--until-done', 'watch until it is completed (exit code 0) or rolled back (3)')
    .option('--interval <seconds>', 'pause between two checks', secondsArgument, 2)
    .action(async (options: StatusOptions, command: Command) => {
      const session = openSession(command)
      const reply = await session.call('', releaseSchema)
      if (options.watch || options.untilDone) end(await watch(session, reply, options))
      else {
        session.show(reply, (release, style) => releaseLines(release, Date.now(), style))
        end(isUnhealthy(reply.value) ? EXIT.unhealthy : EXIT.ok)
      }
    })
}

async function watch(session: Session, first: Reply<ReleaseView>, options: StatusOptions): Promise<ExitCode> {
  const view = session.json ? null : createFullScreenView(process.stdout)
  const draw = view
    ? ({ value }: typeof first) => view.show(releaseLines(value, Date.now(), session.terminal.style), logLine(value))
    : jsonLines()
  let reply = first
  try {
    for (;;) {
      draw(reply)
      const { state } = reply.value
      if (options.untilDone && state === 'completed') return EXIT.ok
      if (options.untilDone && state === 'rolled_back') return EXIT.unhealthy
      await sleep(options.interval * 1000)
      reply = await releaseOnceAvailable(session, options.interval)
    }
  } finally {
    view?.close()
  }
}

function jsonLines(): (reply: Reply<ReleaseView>) => void {
  let last = ''
  return ({ value, raw }) => {
    if (logLine(value) === last) return
    last = logLine(value)
    process.stdout.write(`${jsonText(raw)}\n`)
  }
}
