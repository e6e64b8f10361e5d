/** A submit as one arm is to get it: its model and ids by the wire's own adapter, its fields by the arm's configuration. */
import type { FieldMapping } from '../../config/mapping-schema.ts'
import { openBody } from '../body/open.ts'
import type { RebuildTarget, RebuiltSubmit, Submission } from '../submit.ts'
import { asMultipart } from './as-multipart.ts'
import { mapFields } from './field-mapping.ts'

interface Arm {
  model: string | null
  mapping: FieldMapping | null
  encoding: 'as_sent' | 'multipart'
}

export function rebuildForArm(
  submission: Submission,
  { model, mapping, encoding }: Arm,
  target: Omit<RebuildTarget, 'model'>,
): RebuiltSubmit {
  const rebuilt = submission.rebuild({ ...target, model })
  const { bytes, contentType } = rebuilt
  const mapped = mapping ? mapFields(openBody(bytes, contentType), mapping, target.shadow) : bytes
  if (encoding === 'multipart') return { ...rebuilt, ...asMultipart({ bytes: mapped, contentType }) }
  return mapped === bytes ? rebuilt : { ...rebuilt, bytes: mapped }
}
