/** The command as a process of its own: what other programs get of it, which is an exit code and two pipes. */
import { readdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Control, startControl, TOKEN } from './control.ts'
import { run, runProcess } from './run.ts'
import { canaryRelease } from './samples.ts'

const COMPILED = new URL('../../node_modules/.cache/sluice', import.meta.url)

let control: Control
const env = () => ({ SLUICE_URL: control.url, SLUICE_TOKEN: TOKEN })

beforeAll(async () => {
  control = await startControl()
  control.show(canaryRelease('a', { state: 'rolled_back', stage: 'rolled_back', percent: 0, verdicts: [] }))
})
afterAll(() => control.stop())

it('ends with the code, and with the lines on the streams, that it has within this process', async () => {
  for (const [code, ...args] of [
    [3, 'status'],
    [1, 'status', '--url', 'http://127.0.0.1:1'],
  ] as const) {
    const ended = await runProcess(args, env())
    expect(ended).toEqual(await run(args, env()))
    expect(ended.code).toBe(code)
  }
})

it('ends well where its reader closes the pipe early', async () => {
  const { code, err } = await runProcess(['help'], {}, (child) => void child.stdout.destroy())
  expect([code, err]).toEqual([0, ''])
})

it('keeps the program as it was compiled for the next command', async () => {
  rmSync(COMPILED, { recursive: true, force: true })
  await runProcess(['--version'], {})
  expect(readdirSync(COMPILED)).not.toEqual([])
})
