/** A process that npm started through a shell ends with that shell, which passes no signal on. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const MODULE = fileURLToPath(new URL('../../demo/shutdown.ts', import.meta.url))
const SCRIPT = `
  const { onShutdown } = await import(${JSON.stringify(MODULE)})
  onShutdown(() => { console.log('told'); process.exit(0) })
  console.log('ready')
  setInterval(() => {}, 1000)`
const env = { ...process.env, npm_lifecycle_event: 'start' }

/** What the process printed, once `end` was done to what started it. */
async function told(command: string, args: string[], end: (child: ReturnType<typeof spawn>) => void): Promise<string> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  for await (const chunk of child.stdout!.setEncoding('utf8')) {
    if (printed === '') end(child)
    printed += chunk
  }
  return printed
}

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('is told by %s', async (signal) => {
  const printed = await told(process.execPath, ['-e', SCRIPT], (child) => child.kill(signal))
  expect(printed).toBe('ready\ntold\n')
})

it('is told when the shell between npm and itself was ended', async () => {
  // Two commands, so that the shell stays and does not become the process.
  const printed = await told('sh', ['-c', '"$0" -e "$1"; true', process.execPath, SCRIPT], (child) =>
    child.kill('SIGTERM'),
  )
  expect(printed).toBe('ready\ntold\n')
})

it.runIf(process.platform === 'linux')('is told when npm was ended and its shell was not', async () => {
  const npm = `const { spawn } = require('node:child_process'); spawn('sh', ['-c', '"$0" -e "$1"; true', process.execPath, process.argv[1]], { stdio: 'inherit' })`
  const printed = await told(process.execPath, ['-e', npm, SCRIPT], (child) => child.kill('SIGKILL'))
  expect(printed).toBe('ready\ntold\n')
})
