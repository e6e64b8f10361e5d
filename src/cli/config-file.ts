/** A wrangler.toml on disk → its variables, or the place where it is not TOML. Judges nothing. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseEnv } from 'node:util'
import { parse, TomlError } from 'smol-toml'
import { isTable } from '../config/fields.ts'
import { EXIT, Failure, usage } from './failure.ts'

type Table = Record<string, unknown>

/** `[vars]` of the file, or of its `[env.NAME]`. */
export function readVars(path: string, environment?: string): Table {
  const file = parseFile(path)
  if (environment === undefined) return tableAt(file, 'vars')
  const environments = tableAt(file, 'env')
  if (!(environment in environments)) throw usage(`${path} has no [env.${environment}]`)
  return tableAt(tableAt(environments, environment), 'vars')
}

/**
 * The secrets that a local run would have: `.dev.vars` beside the file (`.dev.vars.NAME` for `[env.NAME]`, if there is
 * one), or the file named. None where there is no such file.
 */
export function readSecrets(path: string, environment?: string, secretsFile?: string): Table {
  if (secretsFile !== undefined) return parseEnv(textOf(secretsFile)) as Table
  const beside = join(dirname(path), '.dev.vars')
  const own = environment === undefined ? null : `${beside}.${environment}`
  const found = own !== null && existsSync(own) ? own : beside
  return existsSync(found) ? (parseEnv(textOf(found)) as Table) : {}
}

function parseFile(path: string): Table {
  const text = textOf(path)
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const [what] = cause.message.split('\n')
    const error = { path: `line ${cause.line}`, message: `column ${cause.column}: ${what}` }
    throw new Failure(EXIT.refused, `${path} is not TOML, at line ${cause.line}, column ${cause.column}`, {
      lines: [what ?? cause.message, '', ...cause.codeblock.trimEnd().split('\n')],
      result: { ok: false, file: path, errors: [error], warnings: [] },
      cause,
    })
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw usage(`${path} can't be read: ${(cause as Error).message}`)
  }
}

function tableAt(table: Table, key: string): Table {
  const value = table[key]
  return isTable(value) ? value : {}
}
