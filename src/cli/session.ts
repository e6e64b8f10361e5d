/** What every command starts from: the global options, the API, the terminal, and the release that is meant. */
import { type Command, Option } from 'commander'
import * as v from 'valibot'
import { listOf, releaseSchema } from '../api/index.ts'
import { type ApiClient, createApiClient, type Reply } from './api-client.ts'
import { Failure, usage } from './failure.ts'
import { jsonText, openTerminal, type Terminal } from './terminal.ts'
import { place } from './words.ts'

interface GlobalOptions {
  url: string
  token?: string
  release?: string
  json?: boolean
}

export interface Session {
  api: ApiClient
  json: boolean
  terminal: Terminal
  /** `releases/NAME` of the release named, or of the only one there is. */
  releasePath(): Promise<string>
  releaseName(): Promise<string>
  /** The answer itself with `--json`, else its lines. */
  show<T>(reply: Reply<T>, lines: (value: T) => readonly string[]): void
}

export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--url <url>', 'address of the gateway').env('SLUICE_URL').default('http://127.0.0.1:8787'))
    .addOption(new Option('--token <token>', 'bearer token for its control plane').env('SLUICE_TOKEN'))
    .option('--release <name>', 'the release that is meant (default: the only one)')
    .option('--json', 'print the answer as JSON')
}

export function openSession(command: Command): Session {
  const options = command.optsWithGlobals<GlobalOptions>()
  if (!/^https?:\/\//.test(options.url) || !URL.canParse(options.url))
    throw usage(`--url is not an http(s) address: ${options.url}`)
  const { username, password } = new URL(options.url)
  // What fetch says of these quotes them, and what a command says may be kept in a log.
  if (username || password) throw usage('--url holds a user or a password: take it out, and give --token')
  if (options.token && !/^[!-~]+$/.test(options.token))
    throw usage('--token is no bearer token: a blank, a line break or a letter outside ASCII is in it')
  const api = createApiClient(options.url, options.token)
  const terminal = openTerminal()
  const json = options.json === true
  let name: Promise<string> | undefined
  const releaseName = () => (name ??= options.release ? Promise.resolve(options.release) : onlyRelease(api))
  return {
    api,
    json,
    terminal,
    releaseName,
    releasePath: async () => `releases/${encodeURIComponent(await releaseName())}`,
    show(reply, lines) {
      if (json) terminal.print(jsonText(reply.raw, 2))
      else for (const line of lines(reply.value)) terminal.print(line)
    },
  }
}

const releasesSchema = listOf(v.pick(releaseSchema, ['name', 'stage', 'percent']))

async function onlyRelease(api: ApiClient): Promise<string> {
  const { value } = await api.call('releases', releasesSchema)
  const [first, ...others] = value.items
  if (!first) throw new Failure(1, 'the gateway has no release: add a table [vars.RELEASE_…] to its wrangler.toml')
  if (others.length === 0) return first.name
  throw usage(
    'several releases: name one with --release',
    value.items.map((release) => `--release ${release.name}   at ${place(release)}`),
  )
}
