/** The control plane has one spelling, and what servers would read as it is nobody's. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planeOf } from '../../src/core/plane.ts'

const at = (path: string) => planeOf(`https://gateway.example${path}`)

describe('a path', () => {
  it.each([
    ...['/_sluice', '/_sluice/', '/_sluice?a', '/_sluice/api/v1/releases', '/_sluice/metrics?x=/../', '/_sluice/a//b'],
    ...[
      '/_sluice/releases/%E8%A7%86%E9%A2%91',
      '/_sluice/api/v1/releases/a%20b/config',
      '/_sluice/a%2Fb',
      '/_sluice/…',
    ],
  ])('in the one spelling is the control plane’s: %s', (path) => expect(at(path)).toBe('control'))

  it.each([
    ...[
      '/%5fsluice/healthz',
      '/%5Fsluice',
      '/_%73luice/',
      '/%5f%73%6c%75%69%63%65/',
      '/_sluic%65',
      '/_sluice%2fhealthz',
    ],
    ...[
      '//_sluice/',
      '///_sluice',
      '/x/../_sluice/',
      '/./_sluice/',
      '/x/%2e%2e/_sluice/',
      '/x/..%2f_sluice/',
      '/x%2f..%2f_sluice',
    ],
    ...['/_SLUICE/', '/_Sluice/healthz', '/\\_sluice/', '/%5c_sluice/', '/_sluice\\healthz', '/_sluice%5chealthz'],
    ...[
      '/_sluice;a=b/',
      '/;a/_sluice',
      '/_sluice%3bx/',
      '/%255fsluice/',
      '/%25255fsluice',
      '/ _sluice/',
      '/%20_sluice',
      '/_sluice%20/',
    ],
    ...[
      '/＿sluice/',
      '/_ſluice/',
      '/_sluice/%61pi/v1/releases',
      '/_sluice/api/v1/rele%61ses',
      '/_sluice/a/../api',
      '/_sluice/./api',
      '/_sluice/../v1/videos',
    ],
  ])('in another is neither plane’s: %s', (path) => expect(at(path)).toBe('disguised'))

  it.each([
    ...[
      '/',
      '',
      '?/_sluice/',
      '/v1/videos',
      '/v1/videos/_sluice',
      '/sluice/',
      '/_sluicer',
      '/_sluice-x/',
      '/x/_sluice/',
      '/x/..',
    ],
    ...['/%E8%A7%86', '/%zz/', '/%', '/a?b=/_sluice/', '/.._sluice/', '/__sluice/'],
  ])('that is none of it is the data plane’s: %s', (path) => expect(at(path)).toBe('data'))

  it('that decodes, in whatever layers, to the control plane’s is never the data plane’s', () => {
    const spelled = fc.array(fc.tuple(fc.nat(2), fc.boolean()), { minLength: 8, maxLength: 8 }).map((ways) =>
      '_sluice/'
        .split('')
        .map((char, i) => {
          const [layers, upper] = ways[i]!
          let text = upper ? char.toUpperCase() : char
          for (let layer = 0; layer < layers; layer++)
            text = text
              .split('')
              .map((each) => `%${each.charCodeAt(0).toString(16)}`)
              .join('')
          return text
        })
        .join(''),
    )
    fc.assert(
      fc.property(spelled, (text) => {
        expect(at(`/${text}healthz`)).toBe(text === '_sluice/' ? 'control' : 'disguised')
      }),
    )
  })
})
