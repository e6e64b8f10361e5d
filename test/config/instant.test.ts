/** Times from outside: read the same on every host, and refused unless they say one moment that exists. */
import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/load.ts'
import { parseInstant } from '../../src/config/instant.ts'

const ARMS = { control: { url: 'https://old.example' }, candidate: { url: 'https://new.example' } }

describe('a time', () => {
  it.each<[string, string]>([
    ['2026-12-24T10:00:00Z', '2026-12-24T10:00:00.000Z'],
    ['2026-12-24T10:00Z', '2026-12-24T10:00:00.000Z'],
    ['2026-12-24T10:00:00+08:00', '2026-12-24T02:00:00.000Z'],
    ['2026-12-24T10:00:00-0530', '2026-12-24T15:30:00.000Z'],
    ['2026-12-24T10:00:00+01', '2026-12-24T09:00:00.000Z'],
    ['2026-12-24T10:00:00.1239Z', '2026-12-24T10:00:00.123Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('%s is %s', (text, utc) => {
    expect(new Date(parseInstant(text)!).toISOString()).toBe(utc)
  })

  it.each([
    '2026-12-24T10:00:00',
    '2026-12-24',
    '2026-02-30T10:00:00Z',
    '2026-02-29T10:00:00Z',
    '2026-13-01T10:00:00Z',
    '2026-00-01T10:00:00Z',
    '2026-12-24T24:00:00Z',
    '2026-12-24T25:00:00Z',
    '2026-12-24T10:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-12-24T10:00:00+25:00',
    '2026-12-24T10:00:00+01:60',
    '2026-12-24T10:00:00z',
    '2026-12-24t10:00:00Z',
    '2026-12-24 10:00:00Z',
    '2026-12-24T10:00:00 01:00',
    '2026-12-24T10:00:00,5Z',
    '2026-12-24T10:00:00.Z',
    '+002026-12-24T10:00:00Z',
    '20261224T100000Z',
    'Thu, 24 Dec 2026 10:00:00 GMT',
    '1764000000000',
    ' 2026-12-24T10:00:00Z',
    '2026-12-24T10:00:00Z\n',
    '',
  ])('%j is none', (text) => {
    expect(parseInstant(text)).toBeNull()
  })

  it('is read back from what a date writes, in any zone', () => {
    const zone = fc.record({ sign: fc.constantFrom(1, -1), minutes: fc.integer({ min: 0, max: 23 * 60 + 59 }) })
    fc.assert(
      fc.property(
        fc.date({ noInvalidDate: true, min: new Date(-6e13), max: new Date(2e14) }),
        zone,
        (date, { sign, minutes }) => {
          const local = new Date(date.getTime() + sign * minutes * 60_000).toISOString().slice(0, -1)
          const two = (n: number) => String(n).padStart(2, '0')
          const text = `${local}${sign < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
          expect(parseInstant(text)).toBe(date.getTime())
        },
      ),
    )
  })

  it('means the same wherever the process runs', () => {
    const asked = JSON.stringify([
      '2026-03-29T02:30:00Z',
      '2026-03-29T02:30:00+01:00',
      '2026-03-29T02:30:00',
      '2026-03-29',
    ])
    const script = `import { parseInstant } from './src/config/instant.ts'
      console.log(JSON.stringify(${asked}.map(parseInstant)))`
    const told = ['UTC', 'Europe/Berlin', 'Pacific/Kiritimati', 'America/St_Johns'].map((TZ) =>
      execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
        env: { ...process.env, TZ },
        encoding: 'utf8',
      }).trim(),
    )
    expect(new Set(told)).toEqual(new Set(['[1774751400000,1774747800000,null,null]']))
  })

  it.each([
    ['freeze', { freeze: [{ from: '2026-12-24T00:00:00', to: '2026-12-25T00:00:00Z' }] }, 'RELEASE_A.freeze.0.from'],
    [
      'exclude',
      { experiment: { exclude: [{ from: '2026-02-01T00:00:00Z', to: '2026-02-30T00:00:00Z' }] } },
      'RELEASE_A.experiment.exclude.0.to',
    ],
  ])('that is none is an error of the file: %s', (_key, more, path) => {
    const read = readConfig({ RELEASE_A: { name: 'r', protocol: 'http', arms: ARMS, ...more } }, ['http'])
    expect(read.ok ? [] : read.issues.map((issue) => issue.path)).toContain(path)
  })
})
