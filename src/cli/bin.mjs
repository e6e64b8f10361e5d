#!/usr/bin/env node
/**
 * The command `sluice`: makes sure that this Node can run the TypeScript beside it, then runs it.
 * Plain JavaScript that old versions can read, so that they get a sentence instead of a syntax error.
 */
import { spawnSync } from 'node:child_process'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(
    `sluice needs Node 22.12 or newer, and this is ${process.versions.node}. ` +
      'After `npm ci` the project brings its own: run `npx sluice` in its folder.\n',
  )
  process.exitCode = 2
} else if (process.features.typescript) {
  // Node 22 strips types but says at each start that it is an experiment.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`)
  })
  // `sluice history | head` closes the pipe early; that is no failure.
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  // Stripping types of the whole program anew costs more than all else that a command does. Not among the temporary
  // files, where other users of the machine could put theirs in its place.
  module.enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/sluice', import.meta.url)))
  const { main } = await import('./main.ts')
  process.exitCode = await main(process.argv.slice(2))
} else {
  // Up to 22.17 stripping hides behind a flag that only a new process can take.
  const flags = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const args = [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  const { status, signal, error } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (error) throw error
  if (signal) process.kill(process.pid, signal)
  process.exitCode = status ?? 1
}
