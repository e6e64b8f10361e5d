/** `sluice report`: the A/B report and its decision, as the API has it. */
import type { Command } from 'commander'
import * as v from 'valibot'
import { Failure } from './failure.ts'
import { openSession } from './session.ts'

export function addReport(program: Command): void {
  program
    .command('report')
    .description('the A/B report and its decision, as JSON')
    .action(async (_options: object, command: Command) => {
      const session = openSession(command)
      const path = await session.releasePath()
      try {
        const { raw } = await session.api.call(`${path}/report.json`, v.unknown())
        session.terminal.print(JSON.stringify(raw, null, 2))
      } catch (error) {
        throw hasNone(error) ? noReport(error) : error
      }
    })
}

/** 404 for the page itself; a release that isn't there has a code of its own. */
function hasNone(error: unknown): error is Failure {
  return error instanceof Failure && error.refusal?.status === 404 && error.refusal.code !== 'release_not_found'
}

function noReport(cause: Failure): Failure {
  return new Failure(1, 'this gateway has no A/B report', {
    lines: [
      `It answers: ${cause.message}`,
      'What it does judge, the guardrails with their evidence, is shown by `sluice status` and `sluice explain`.',
    ],
    body: cause.body,
    cause,
  })
}
