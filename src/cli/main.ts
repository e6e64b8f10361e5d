/** The program: all commands, and how each way of ending becomes lines and an exit code. */
import { Command, CommanderError } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { addActions } from './actions.ts'
import { addAssign } from './assign.ts'
import { addCompletion } from './completion.ts'
import { addConfig } from './config.ts'
import { addCost } from './cost.ts'
import { addExplain } from './explain.ts'
import { EXIT, type ExitCode, Failure, usage } from './failure.ts'
import { addHistory, addJobs } from './history.ts'
import { addPlan } from './plan.ts'
import { addReport } from './report.ts'
import { addGlobalOptions } from './session.ts'
import { addSimulate } from './simulate.ts'
import { addStatus } from './status.ts'
import { jsonText, printable, styleFor } from './terminal.ts'

const EPILOGUE = `
Exit codes: 0 done, 1 refused or not reachable, 2 wrong usage, 3 release unhealthy.
Address and token also come from SLUICE_URL and SLUICE_TOKEN.`

/** Runs one command line; answers with its exit code. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  const program = createProgram((ended) => (code = ended))
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // What commander can't read it has told on stderr by itself; options are not known where it gave up.
    const json = args.includes('--json')
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok
      if (json)
        printJson(
          usage(error.code === 'commander.help' ? 'a command is needed' : error.message.replace(/^error: /, '')).json,
        )
      return EXIT.usage
    }
    if (!(error instanceof Failure)) throw error
    explain(error)
    if (json) printJson(error.json)
    return error.exitCode
  }
}

/** Without an action run: for its help, too. */
export function createProgram(end: (code: ExitCode) => void): Command {
  const program = new Command('sluice')
    .description('Runs a roll-out on a Sluice gateway: who gets the candidate, whether it is healthy, what comes next.')
    .version(manifest.version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what it takes)')
    .addHelpText('after', EPILOGUE)
  addGlobalOptions(program)
  program.commandsGroup('Inspect:')
  addStatus(program, end)
  addExplain(program)
  addHistory(program)
  addJobs(program)
  addReport(program)
  addAssign(program)
  program.commandsGroup('Change:')
  addActions(program, end)
  addConfig(program, end)
  program.commandsGroup('Plan:')
  addPlan(program)
  addCost(program)
  addSimulate(program)
  program.commandsGroup('Other:')
  program.helpCommand('help [command]', 'what a command takes')
  addCompletion(program)
  return program
}

function printJson(value: unknown): void {
  process.stdout.write(`${jsonText(value, 2)}\n`)
}

function explain(failure: Failure): void {
  const style = styleFor(process.stderr, process.env)
  process.stderr.write(`${style.red('sluice:')} ${printable(failure.message)}\n`)
  for (const line of failure.lines) process.stderr.write(`  ${printable(line)}\n`)
}
