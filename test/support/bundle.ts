/** The deployed bundle, made once for all the processes of a run of tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleTo } from '../../scripts/bundle.ts'

/** Where it is, for processes that are started later. */
const FOLDER = 'SLUICE_TEST_BUNDLE'

/** The folder that it is in; made by whoever is first. */
export function bundle(): string {
  if (process.env[FOLDER] === undefined) {
    const remove = setup()
    process.once('exit', remove)
  }
  return process.env[FOLDER]!
}

/** As Vitest calls it, before its workers start. Returns what removes the bundle. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bundle-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    bundleTo(folder)
  } catch (error) {
    remove()
    throw error
  }
  process.env[FOLDER] = folder
  return remove
}
