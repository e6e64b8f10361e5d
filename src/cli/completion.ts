/** `sluice completion`: the script that lets a shell complete commands and options, made from the commands themselves. */
import { Argument, type Command, type Option } from 'commander'
import { jsonText, openTerminal } from './terminal.ts'

/** What may follow a command path such as `config set`; the root's path is empty. */
interface Node {
  path: string
  words: { word: string; about: string }[]
}

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript }

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a completion script')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .addHelpText('after', '\nExample:\n  source <(sluice completion bash)\n  sluice completion fish | source')
    .action((shell: string, _options: object, command: Command) => {
      const script = SHELLS[shell as keyof typeof SHELLS](nodesOf(program))
      const { json } = command.optsWithGlobals<{ json?: boolean }>()
      openTerminal().print(json ? jsonText({ shell, script }) : script)
    })
}

function nodesOf(program: Command): Node[] {
  const globals = program.options.flatMap(optionWords)
  const walk = (command: Command, path: string): Node[] => [
    {
      path,
      words: [
        ...command.commands.map((inner) => ({ word: inner.name(), about: inner.summary() || inner.description() })),
        ...command.registeredArguments.flatMap((given) => given.argChoices ?? []).map((word) => ({ word, about: '' })),
        ...(command === program ? [] : command.options.flatMap(optionWords)),
        ...globals,
      ],
    },
    ...command.commands.flatMap((inner) => walk(inner, `${path} ${inner.name()}`.trim())),
  ]
  return walk(program, '')
}

function optionWords(option: Option): Node['words'] {
  return option.long ? [{ word: option.long, about: option.description }] : []
}

/** Lines of a shell `case`: command path → the words after it. */
function cases(nodes: readonly Node[], words: (node: Node) => string): string {
  return nodes.map((node) => `    '${node.path}') ${words(node)} ;;`).join('\n')
}

function paths(nodes: readonly Node[], between = '|'): string {
  return nodes.flatMap(({ path }) => (path ? [`'${path}'`] : [])).join(between)
}

function bashScript(nodes: readonly Node[]): string {
  return `# bash completion of sluice: source <(sluice completion bash)
_sluice() {
  local path='' word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in ${paths(nodes)}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases(nodes, ({ words }) => `words='${words.map(({ word }) => word).join(' ')}'`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _sluice sluice`
}

function zshScript(nodes: readonly Node[]): string {
  const described = ({ words }: Node) =>
    `offers=(${words.map(({ word, about }) => quoted(`${word}:${about.replaceAll(':', '\\:')}`)).join(' ')})`
  return `#compdef sluice
# zsh completion of sluice: source <(sluice completion zsh)
_sluice() {
  local path_='' word
  local -a given offers
  given=("\${(@)words[2,CURRENT-1]}")
  for word in $given; do
    case "\${path_:+$path_ }$word" in ${paths(nodes)}) path_="\${path_:+$path_ }$word" ;; esac
  done
  case "$path_" in
${cases(nodes, described)}
  esac
  _describe 'sluice' offers
  [[ $path_ == 'config check' ]] && _files
}
compdef _sluice sluice`
}

function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words }) =>
    words.map(({ word, about }) => {
      const condition = quoted(`__sluice_at ${JSON.stringify(path)}`)
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
      return `complete -c sluice -n ${condition} ${what} -d ${quoted(about)}`
    }),
  )
  return `# fish completion of sluice: sluice completion fish | source
function __sluice_at
  set -l at ''
  for word in (commandline -opc)[2..]
    switch (string trim "$at $word")
      case ${paths(nodes, ' ')}
        set at (string trim "$at $word")
    end
  end
  test "$at" = "$argv[1]"
end
complete -c sluice -f -n 'not __sluice_at "config check"'
${lines.join('\n')}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
