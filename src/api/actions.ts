/** What an action on a release takes, and which keys belong to which action. What it does is the state machine's. */
import * as v from 'valibot'
import { fault } from '../config/issue-words.ts'
import { MAX_REASON_CHARS } from '../core/transitions.ts'

export const ACTIONS = [
  'start',
  'advance',
  'pause',
  'resume',
  'rollback',
  'reset',
  'promote',
  'set_percent',
  'set_shadow',
  'approve',
] as const
type Action = (typeof ACTIONS)[number]
type OwnKey = 'stage' | 'to' | 'force' | 'percent' | 'sample' | 'during_canary'
/** Keys that not every action takes, with the actions that do. */
const OWN_KEYS: readonly (readonly [OwnKey, readonly Action[]])[] = [
  ['stage', ['start']],
  ['to', ['advance']],
  ['force', ['advance', 'promote']],
  ['percent', ['set_percent']],
  ['sample', ['set_shadow']],
  ['during_canary', ['set_shadow']],
]
const NEEDED: Partial<Record<Action, OwnKey>> = { set_percent: 'percent', set_shadow: 'sample' }

export const reasonSchema = v.optional(v.pipe(v.string(), v.trim(), v.maxLength(MAX_REASON_CHARS)), '')

export const actionSchema = v.pipe(
  v.strictObject({
    action: v.picklist(ACTIONS),
    reason: reasonSchema,
    /** start: the stage to begin with. */
    stage: v.optional(v.string()),
    /** advance: refused where it does not lead to this stage, as after somebody else's step. */
    to: v.optional(v.string()),
    /** advance, promote: past everything but a freeze and a pause. */
    force: v.optional(v.boolean(), false),
    /** set_percent. */
    percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
    /** set_shadow: share of control submits to copy; 0 switches copies off. */
    sample: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    /** set_shadow: also copy while in canary. */
    during_canary: v.optional(v.boolean()),
    dry_run: v.optional(v.boolean(), false),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const given = dataset.value
    const at = (key: OwnKey, message: string) =>
      addIssue({ message, path: [{ type: 'object', origin: 'value', input: given, key, value: given[key] }] })
    const belongs = (key: OwnKey, actions: string) =>
      at(key, fault('of_other_action', `belongs to ${actions} only`, { actions }))
    for (const [key, actions] of OWN_KEYS) {
      // `force: false` is what is meant where nothing is said.
      const isSaid = given[key] !== undefined && given[key] !== false
      if (isSaid && !actions.includes(given.action)) belongs(key, actions.join(' and '))
    }
    const needed = NEEDED[given.action]
    if (needed && given[needed] === undefined)
      at(needed, fault('needed_by_action', `missing: ${given.action} needs it`, { action: given.action }))
  }),
)
export type ActionRequest = v.InferInput<typeof actionSchema>
export type ActionCommand = v.InferOutput<typeof actionSchema>
