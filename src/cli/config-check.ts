/** `sluice config check`: a wrangler.toml judged as the gateway would, without a gateway. */
import type { Command } from 'commander'
import { secretSlips } from '../auth/secret-slips.ts'
import { formatDuration, isTable } from '../config/fields.ts'
import { httpWarnings } from '../config/http-limits.ts'
import { asTable, readConfig, type ReleaseConfig, releaseKeys } from '../config/load.ts'
import { MOST_COPIES_A_LEDGER } from '../core/poll-schedule.ts'
import { jobProtocolOf, PROTOCOL_NAMES } from '../protocols/index.ts'
import { readSecrets, readVars } from './config-file.ts'
import { EXIT, type ExitCode } from './failure.ts'
import { openTerminal, printable, type Style } from './terminal.ts'
import { table } from './table.ts'
import { declaredLimits, wireLimits } from './wire-limits.ts'
import { figure, plural } from './words.ts'

interface CheckOptions {
  env?: string
  envFile?: string
  json?: boolean
}

interface Finding {
  path: string
  message: string
}

export interface CheckResult {
  ok: boolean
  file: string
  errors: Finding[]
  warnings: Finding[]
  releases: { name: string; variable: string; bytes: number }[]
}

/** Cloudflare takes 5 KB a variable. */
const LIMIT_BYTES = 5 * 1024
const WARN_BYTES = 4 * 1024

export function addConfigCheck(config: Command, end: (code: ExitCode) => void): void {
  config
    .command('check')
    .description('validate a file offline, naming every error with its path; exit code 1 if it is invalid')
    .argument('[file]', 'the file', 'wrangler.toml')
    .option('--env <name>', 'the variables of [env.NAME]')
    .option('--env-file <file>', 'secrets to check as well (default: .dev.vars beside the file)')
    .action((file: string, _options: CheckOptions, command: Command) => {
      const options = command.optsWithGlobals<CheckOptions>()
      const terminal = openTerminal()
      const { result, releases } = checkFile(file, options.env, options.envFile)
      terminal.show(options.json, result, () => checkLines(printable(result), releases, terminal.style))
      end(result.ok ? EXIT.ok : EXIT.refused)
    })
}

/** The file as the gateway would read it; throws Failure where it can't be read at all. */
export function checkFile(
  file: string,
  env?: string,
  envFile?: string,
): { result: CheckResult; releases: readonly ReleaseConfig[] } {
  const vars = readVars(file, env)
  const read = readConfig(vars, PROTOCOL_NAMES)
  const sizes = sizeFindings(vars)
  const errors = [...(read.ok ? [] : read.issues), ...sizes.errors]
  const releases = read.ok ? read.config.releases : []
  const result = {
    ok: errors.length === 0,
    file,
    errors,
    warnings: [
      ...sizes.warnings,
      ...vainSettings(vars),
      ...shortLadders(releases),
      ...armsAlike(releases),
      ...crowdedLedgers(releases),
      ...limitsOfWires(releases),
      ...slipsIn({ ...vars, ...readSecrets(file, env, envFile) }),
    ],
    releases: releases.map(({ name, key }) => ({ name, variable: key, bytes: bytesOf(vars[key]) })),
  }
  return { result, releases }
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Secrets may stand among the variables, too, where a test has them. */
function slipsIn(secrets: Record<string, unknown>): Finding[] {
  const textOf = (name: string) => (typeof secrets[name] === 'string' ? secrets[name] : undefined)
  return secretSlips({
    tokens: textOf('SLUICE_TOKENS'),
    eventKeys: textOf('SLUICE_EVENT_KEYS'),
    cookieKey: textOf('SLUICE_COOKIE_KEY'),
    webhookKey: textOf('SLUICE_WEBHOOK_KEY'),
  })
}

/** Keys that are valid and do nothing. */
function vainSettings(vars: Record<string, unknown>): Finding[] {
  return releaseKeys(vars).flatMap((key) => {
    const table = asTable(vars[key])
    return isTable(table) ? httpWarnings(table).map(({ path, message }) => ({ path: `${key}.${path}`, message })) : []
  })
}

function shortLadders(releases: readonly ReleaseConfig[]): Finding[] {
  return releases
    .filter(({ ladder }) => ladder.at(-1)!.percent < 100)
    .map(({ key }) => ({ path: `${key}.ladder`, message: 'ends below 100, and only from 100 is a release promoted' }))
}

/** Nothing tells such arms apart, so that both of a comparison's sides are one model: meant by who tries the split itself. */
function armsAlike(releases: readonly ReleaseConfig[]): Finding[] {
  const sentOf = ({ model, mapping, auth }: ReleaseConfig['arms']['control']) => JSON.stringify([model, mapping, auth])
  return releases
    .filter(({ arms: { control, candidate } }) => {
      const isShared = candidate.urls.some((url) => control.urls.includes(url))
      return isShared && sentOf(control) === sentOf(candidate)
    })
    .map(({ key }) => ({
      path: `${key}.arms`,
      message: 'control and candidate have the same url and model: users of both get the same, and nothing is compared',
    }))
}

/** More copies than the ledgers can poll in time: those that nobody could look at end uncounted, as `not_observed`. */
function crowdedLedgers(releases: readonly ReleaseConfig[]): Finding[] {
  return releases.flatMap(({ key, ledgerShards, shadow: { maxInFlight } }) => {
    const needed = Math.ceil(maxInFlight / MOST_COPIES_A_LEDGER)
    if (ledgerShards >= needed) return []
    const most = figure(MOST_COPIES_A_LEDGER)
    const message = `${figure(maxInFlight)} copies; a ledger keeps up with about ${most}, so set ledger_shards = ${needed}, which may be raised while the release runs, or less here`
    return [{ path: `${key}.shadow.max_in_flight`, message }]
  })
}

function limitsOfWires(releases: readonly ReleaseConfig[]): Finding[] {
  return releases.flatMap((release) => {
    const protocol = jobProtocolOf(release)
    const limits = protocol ? [...wireLimits(release, protocol), ...declaredLimits(release)] : []
    return limits.map(({ path, message }) => ({ path: `${release.key}.${path}`, message }))
  })
}

function sizeFindings(vars: Record<string, unknown>): { errors: Finding[]; warnings: Finding[] } {
  const sizes = ['SLUICE', ...releaseKeys(vars)].map((path) => ({ path, bytes: bytesOf(vars[path] ?? '') }))
  const found = (least: number, most: number, words: string) =>
    sizes
      .filter(({ bytes }) => bytes > least && bytes <= most)
      .map(({ path, bytes }) => ({ path, message: `${figure(bytes)} bytes as JSON, ${words}` }))
  const limit = figure(LIMIT_BYTES)
  return {
    errors: found(LIMIT_BYTES, Infinity, `and Cloudflare takes ${limit} a variable`),
    warnings: found(WARN_BYTES, LIMIT_BYTES, `near Cloudflare’s limit of ${limit} a variable`),
  }
}

function checkLines(result: CheckResult, releases: readonly ReleaseConfig[], style: Style): string[] {
  const verdict = result.ok
    ? style.green(`${result.file} is valid: ${plural(releases.length, 'release')}.`)
    : style.red(`${result.file} is invalid: ${plural(result.errors.length, 'error')}.`)
  return [
    verdict,
    ...table([
      ...result.errors.map(({ path, message }) => [`  ${style.red('error')}`, path, message]),
      ...result.warnings.map(({ path, message }) => [`  ${style.yellow('warning')}`, path, message]),
    ]),
    ...(result.ok ? releaseTable(releases, style) : []),
  ]
}

function releaseTable(releases: readonly ReleaseConfig[], style: Style): string[] {
  return table([
    ['  release', 'protocol', 'ladder', 'bake', 'advance', 'guardrails'].map(style.dim),
    ...releases.map((release) => [
      `  ${printable(release.name)}`,
      release.protocol,
      release.ladder.map((rung) => rung.percent).join(' '),
      formatDuration(release.bakeMs),
      release.advance,
      String(release.guardrails.length),
    ]),
  ])
}
