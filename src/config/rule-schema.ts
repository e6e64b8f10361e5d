/** A rule as operators write it: a condition on who asks or what is asked → an arm, or a weight of the percent. */
import * as v from 'valibot'
import type { Rule, When } from '../core/rules.ts'
import { across, isTable, oneOrMany, range, table } from './fields.ts'
import { fault } from './issue-words.ts'

/** On these a weight holds for a subject whatever it asks. */
const OF_THE_REQUEST = ['header', 'country', 'model', 'prompt_chars', 'duration_seconds'] as const

const whenTable = table({
  claim: v.optional(v.string()),
  header: v.optional(v.pipe(v.string(), v.toLowerCase())),
  subject: v.optional(oneOrMany),
  country: v.optional(oneOrMany),
  model: v.optional(oneOrMany),
  in: v.optional(oneOrMany),
  prompt_chars: v.optional(range),
  duration_seconds: v.optional(range),
})

const when = v.pipe(
  whenTable,
  across(
    (w) => ['claim', 'subject', 'in', ...OF_THE_REQUEST].some((key) => key in w),
    fault('no_attribute', 'name at least one attribute, such as claim, header or subject'),
  ),
  across(
    (w) => w.in === undefined || w.claim !== undefined || w.header !== undefined,
    fault('in_alone', '`in` goes with claim or header'),
  ),
)

export const ruleSchema = v.pipe(
  table({
    when,
    arm: v.optional(v.picklist(['control', 'candidate'])),
    weight: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
  across(
    (r) => (r.arm === undefined) !== (r.weight === undefined),
    fault('arm_or_weight', 'give either arm or weight'),
  ),
  across(
    (r) => {
      const { when: condition, weight } = r
      return weight === undefined || !isTable(condition) || !OF_THE_REQUEST.some((key) => key in condition)
    },
    fault(
      'weight_flips',
      'weight is allowed only on claim and subject: on anything else a subject would flip between arms',
    ),
  ),
  v.transform(({ when: w, arm: to, weight }): Rule =>
    to === undefined ? { when: toWhen(w), weight: weight! } : { when: toWhen(w), arm: to },
  ),
)

function toWhen({ prompt_chars, duration_seconds, ...plain }: v.InferOutput<typeof when>): When {
  const given = { ...plain, promptChars: prompt_chars, durationSeconds: duration_seconds }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as When
}
