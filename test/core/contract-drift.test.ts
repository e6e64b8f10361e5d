import { expect, test } from 'vitest'
import { contractDrift } from '../../src/core/contract-drift.ts'

test('refusals that both arms give alike are no drift', () => {
  expect(contractDrift({ requests: 200, clientErrors: 20 }, { requests: 2000, clientErrors: 190 })).toBe(0)
})

test('an arm that refuses what the other takes drifts by what the other does not explain', () => {
  expect(contractDrift({ requests: 100, clientErrors: 40 }, { requests: 998, clientErrors: 9 })).toBe(39)
})

test('one refusal among few requests may be chance', () => {
  expect(contractDrift({ requests: 20, clientErrors: 1 }, { requests: 1000, clientErrors: 0 })).toBe(0)
})

test('nothing is said while the other arm has had too few requests to compare with', () => {
  expect(contractDrift({ requests: 50, clientErrors: 50 }, { requests: 19, clientErrors: 0 })).toBe(0)
})
