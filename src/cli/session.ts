/** What every command starts from: the global options, the API, the terminal, and the release that is meant. */
import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import * as v from 'valibot'
import { releaseSchema, silentReleaseSchema } from '../api/index.ts'
import { MAX_REASON_CHARS } from '../core/transitions.ts'
import { type ApiClient, type Call, createApiClient, type Reply } from './api-client.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { openTerminal, type Style, type Terminal } from './terminal.ts'
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
  /** Of the release named, or of the only one there is. */
  releaseName(): Promise<string>
  /** A call about that release; `below` its own path, such as `/config`. */
  call<S extends v.GenericSchema>(below: string, schema: S, call?: Call): Promise<Reply<v.InferOutput<S>>>
  /** Why something is done, for the audit: as given, or asked for; empty where nobody can be asked. */
  reasonFor(what: string, given: string | undefined, dryRun: boolean): Promise<string>
  /** The answer itself with `--json`, else its lines. */
  show<T>(reply: Reply<T>, lines: (value: T, style: Style) => readonly string[]): void
}

export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--url <url>', 'address of the gateway').env('SLUICE_URL').default('http://127.0.0.1:8787'))
    .addOption(new Option('--token <token>', 'bearer token for its control plane').env('SLUICE_TOKEN'))
    .option('--release <name>', 'the release that is meant (default: the only one)')
    .option('--json', 'print the answer as JSON')
}

/** What a person has to correct where the option's value is wrong. */
function whereFrom(command: Command, option: string, variable: string): string {
  return command.getOptionValueSourceWithGlobals(option) === 'env' ? variable : `--${option}`
}

export function openSession(command: Command): Session {
  const options = command.optsWithGlobals<GlobalOptions>()
  const urlFrom = whereFrom(command, 'url', 'SLUICE_URL')
  const tokenFrom = whereFrom(command, 'token', 'SLUICE_TOKEN')
  if (!/^https?:\/\//.test(options.url) || !URL.canParse(options.url))
    throw usage(`${urlFrom} is not an http(s) address: ${options.url}`)
  const { username, password } = new URL(options.url)
  // What fetch says of these quotes them, and what a command says may be kept in a log.
  if (username || password) throw usage(`${urlFrom} holds a user or a password: take it out, and give --token`)
  if (options.token && !/^[!-~]+$/.test(options.token))
    throw usage(`${tokenFrom} is no bearer token: a blank, a line break or a letter outside ASCII is in it`)
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
    call: async (below, schema, call) =>
      api.call(`releases/${encodeURIComponent(await releaseName())}${below}`, schema, call),
    async reasonFor(what, given, dryRun) {
      // Nobody is asked about a release that is not known.
      await releaseName()
      if (given !== undefined) return given
      const asks = terminal.interactive && !json && !dryRun
      return asks ? askReason(what, { input: process.stdin, output: process.stderr }) : ''
    },
    show: ({ value, raw }, lines) => terminal.show(json, raw, () => lines(value, terminal.style)),
  }
}

interface Streams {
  input: NodeJS.ReadableStream
  output: NodeJS.WritableStream
}

/** Throws a `Failure` where Ctrl-C or Ctrl-D is the answer: then nothing is done. */
export async function askReason(what: string, streams: Streams): Promise<string> {
  const line = createInterface(streams)
  try {
    return (await line.question(`Reason for ${what} (goes into the history): `)).trim().slice(0, MAX_REASON_CHARS)
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'AbortError') throw cause
    // The cursor stands behind the question.
    streams.output.write('\n')
    throw new Failure(EXIT.refused, `nothing was changed: ${what} was cancelled`, { code: 'cancelled', cause })
  } finally {
    line.close()
  }
}

/** What is read of them to choose one; a gateway of before `unavailable` leaves it out. */
const releasesSchema = v.object({
  items: v.array(v.pick(releaseSchema, ['name', 'stage', 'percent'])),
  unavailable: v.optional(v.array(silentReleaseSchema), []),
})

async function onlyRelease(api: ApiClient): Promise<string> {
  const { value } = await api.call('releases', releasesSchema)
  const named = [
    ...value.unavailable.map(({ name, code, message }) => ({
      name,
      words: code === 'control_plane_unavailable' ? 'does not answer: its controller is away' : message,
    })),
    ...value.items.map((release) => ({ name: release.name, words: `at ${place(release)}` })),
  ]
  const [first, ...others] = named
  if (!first)
    throw new Failure(EXIT.refused, 'the gateway has no release: add a table [vars.RELEASE_…] to its wrangler.toml')
  if (others.length === 0) return first.name
  throw usage(
    'several releases: name one with --release',
    named.map(({ name, words }) => `--release ${name}   ${words}`),
  )
}
