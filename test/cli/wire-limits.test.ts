/** What `config check` tells of a wire's limits. */
import { expect, it } from 'vitest'
import { wireLimits } from '../../src/cli/wire-limits.ts'
import type { ReleaseConfig } from '../../src/config/load.ts'
import { comfyui } from '../../src/protocols/comfyui.ts'
import { dashscope } from '../../src/protocols/dashscope.ts'
import { fal } from '../../src/protocols/fal.ts'
import { lightx2v } from '../../src/protocols/lightx2v.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'

const copying = (sample: number, more: Partial<ReleaseConfig> = {}) =>
  ({ shadow: { sample }, webhookOrigins: null, webhookSecret: null, ...more }) as ReleaseConfig
const told = (...asked: Parameters<typeof wireLimits>) => wireLimits(...asked).map(({ message }) => message)

it('tells where the videos of copies are not looked at, and where copies can’t be stopped', () => {
  expect(told(copying(1), openaiVideos)).toEqual([])
  expect(told(copying(1), fal)).toEqual([expect.stringContaining('a copy without one counts as ok')])
  expect(told(copying(1), { ...openaiVideos, cancelCall: undefined })).toEqual([
    expect.stringContaining('cancels no job'),
  ])
})

it('tells what else a wire does not offer, of copies only where there are any', () => {
  const always = [expect.stringContaining('stops whatever runs'), expect.stringContaining('ends at job_timeout')]
  expect(told(copying(0), comfyui)).toEqual(always)
  expect(told(copying(0.1), comfyui)).toEqual([
    ...always,
    expect.stringContaining('a copy without one counts as ok'),
    expect.stringContaining('run to its end'),
    expect.stringContaining('act by themselves'),
  ])
  expect(told(copying(0), lightx2v)).toEqual([expect.stringContaining('names no model')])
  expect(told(copying(0), dashscope)).toEqual([expect.stringContaining('only while it waits')])
  expect(told(copying(1), lightx2v)).toContainEqual(expect.stringContaining('makes them wait'))
  expect(told(copying(1), dashscope)).toContainEqual(expect.stringContaining("the account's quota"))
})

it('tells nothing where nothing is copied', () => {
  expect(told(copying(0), { ...fal, cancelCall: undefined })).toEqual([])
})

it('tells where nobody asks for the webhooks that something is said of', () => {
  const said = { webhookOrigins: ['https://a.example'], webhookSecret: 'KEY' }
  const asked = wireLimits(copying(0, said), openaiVideos)
  expect(asked.map(({ path }) => path)).toEqual(['webhook_origins', 'webhook_secret'])
  expect(told(copying(0, said), fal)).toEqual([])
})
