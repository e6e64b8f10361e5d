/** docs/cli.md: what each command says of itself with `--help`. */
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/main.ts'

/** As wide as the code blocks of a page are shown without scrolling. */
const WIDTH = 100

export function cliReference(): string {
  const program = createProgram(() => {})
  return [section(program, 'sluice'), ...commands(program, 'sluice')].join('\n\n')
}

/** Commands that only group others are told by those. */
function commands(parent: Command, path: string): string[] {
  return parent.commands.flatMap((command) => {
    const name = `${path} ${command.name()}`
    return command.commands.length > 0 ? commands(command, name) : [section(command, name)]
  })
}

/** The help as it is printed, epilogues included, at a width that does not depend on the terminal. */
function section(command: Command, name: string): string {
  let help = ''
  command
    .configureOutput({ writeOut: (text) => (help += text), getOutHasColors: () => false })
    .configureHelp({ ...command.configureHelp(), showGlobalOptions: false, helpWidth: WIDTH })
    .outputHelp()
  return `## ${name}\n\n\`\`\`\n${help.trim()}\n\`\`\``
}
