/** A submit as one arm is to get it: its model and ids by the wire's own adapter, its fields by the arm's configuration. */
import type { FieldMapping } from '../../config/mapping-schema.ts'
import { openBody } from '../body/open.ts'
import type { RebuildTarget, RebuiltSubmit, Submission } from '../protocol.ts'
import { mapFields } from './field-mapping.ts'

interface Arm {
  model: string | null
  mapping: FieldMapping | null
}

export function rebuildForArm(
  submission: Submission,
  { model, mapping }: Arm,
  target: Omit<RebuildTarget, 'model'>,
): RebuiltSubmit {
  const rebuilt = submission.rebuild({ ...target, model })
  if (!mapping) return rebuilt
  return { ...rebuilt, bytes: mapFields(openBody(rebuilt.bytes, rebuilt.contentType), mapping, target.shadow) }
}
