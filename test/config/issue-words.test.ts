import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { fault, issueDetail, issueWords } from '../../src/config/issue-words.ts'

const schema = v.strictObject({
  arm: v.picklist(['control', 'candidate']),
  percent: v.pipe(v.number(), v.minValue(0), v.maxValue(100)),
  name: v.optional(v.pipe(v.string(), v.maxLength(3))),
  at: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  ids: v.optional(v.pipe(v.array(v.string()), v.minLength(1))),
  own: v.optional(v.string(fault('not_word', 'a word is needed'))),
})

function words(given: unknown): string[] {
  const { issues = [] } = v.safeParse(schema, given)
  return issues.map((issue) => [v.getDotPath(issue), issueWords(issue)].filter(Boolean).join(': '))
}

describe('what is wrong with a value', () => {
  it.each<[unknown, string[]]>([
    [null, ['an object is needed, not null']],
    [{}, ['arm: missing: this key is needed', 'percent: missing: this key is needed']],
    [{ arm: 'both', percent: 5 }, ['arm: one of "control", "candidate" is needed, not "both"']],
    [{ arm: 'control', percent: '5' }, ['percent: a number is needed, not "5"']],
    [{ arm: 'control', percent: 101 }, ['percent: at most 100 is allowed, not 101']],
    [{ arm: 'control', percent: -1 }, ['percent: at least 0 is needed, not -1']],
    [{ arm: 'control', percent: 5, zz: 1 }, ['zz: unknown key: take it out or correct its spelling']],
    [{ arm: 'control', percent: 5, name: 'long' }, ['name: at most 3 characters are allowed, not 4']],
    [{ arm: 'control', percent: 5, ids: [] }, ['ids: at least 1 item is needed, not 0']],
    [{ arm: 'control', percent: 5, ids: {} }, ['ids: a list is needed, not an object']],
    [{ arm: 'control', percent: 5, at: 'now' }, ['at: not a valid timestamp: "now"']],
    [{ arm: 'control', percent: 5, own: 5 }, ['own: a word is needed (given: 5)']],
  ])('%j is said plainly', (given, said) => {
    expect(words(given)).toEqual(said)
  })

  it('is told to programs by code and params', () => {
    const { issues = [] } = v.safeParse(schema, { arm: 'both', percent: 101, name: 'long' })
    expect(issues.map((issue) => issueDetail(v.getDotPath(issue) ?? '', issue))).toMatchObject([
      { path: 'arm', code: 'one_of', params: { choices: '"control", "candidate"', given: '"both"' } },
      { path: 'percent', code: 'at_most', params: { bound: '100', given: '101' } },
      { path: 'name', code: 'at_most', params: { bound: '3', unit: 'character', given: '4' } },
    ])
  })

  it('says nothing of what may be a secret', () => {
    const { issues = [] } = v.safeParse(v.object({ auth: v.number() }), { auth: 'hunter2' })
    const said = issues.map((issue) => issueDetail('auth', issue, false))
    expect(said).toEqual([
      { path: 'auth', message: 'a number is needed', code: 'wrong_type', params: { wanted: 'number' } },
    ])
  })
})
