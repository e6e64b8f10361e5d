/** Addresses as clients may spell them. */
import { expect, test } from 'vitest'
import { addressOf } from '../../src/gateway/asked.ts'

test.each(['http://a b/v1', 'http://[::1/_sluice/', 'http://a:99999/', 'http://a%zz/'])(
  'a Host header that names no host leads to neither plane: %s',
  (text) => {
    expect(addressOf(text)).toMatchObject({ href: text, plane: 'disguised' })
  },
)
