/** What a demo ComfyUI makes of a graph before it queues it: which nodes make files, or why it refuses, in ComfyUI's words. */

export interface GraphNode {
  class_type?: unknown
  inputs?: Record<string, unknown>
}
export type Graph = Record<string, GraphNode>

/** Ids of the nodes that make files; or the body of the refusal. */
export type Checked = { outputs: string[] } | { refusal: unknown }

/** The nodes that its graphs may hold: core ones, as the Wan templates use them. */
const CLASSES = new Set([
  ...['UNETLoader', 'CLIPLoader', 'VAELoader', 'CLIPTextEncode', 'ModelSamplingSD3', 'EmptyHunyuanLatentVideo'],
  ...['WanImageToVideo', 'LoadImage', 'KSampler', 'KSamplerAdvanced', 'VAEDecode', 'CreateVideo'],
])
const SAVES = new Set(['SaveVideo', 'SaveWEBM', 'VHS_VideoCombine'])

/** `models`: files that its loaders know; `images`: what was uploaded. */
export function checkGraph(graph: unknown, models: ReadonlySet<string>, images: ReadonlySet<string>): Checked {
  if (graph === null || typeof graph !== 'object' || Array.isArray(graph))
    return refused('no_prompt', 'No prompt provided', 'No prompt provided')
  const nodes = Object.entries(graph as Graph)
  for (const [id, { class_type: kind }] of nodes) {
    if (typeof kind !== 'string')
      return refused(
        'invalid_prompt',
        'Cannot execute because a node is missing the class_type property.',
        `Node ID '#${id}'`,
      )
    if (!CLASSES.has(kind) && !SAVES.has(kind))
      return refused('invalid_prompt', `Cannot execute because node ${kind} does not exist.`, `Node ID '#${id}'`)
  }
  const outputs = nodes.filter(([, { class_type: kind }]) => SAVES.has(kind as string)).map(([id]) => id)
  if (outputs.length === 0) return refused('prompt_no_outputs', 'Prompt has no outputs', '')
  const errors: Record<string, unknown> = {}
  const wrong = (id: string, kind: unknown, type: string, message: string, details: string) => {
    const error = { type, message, details, extra_info: {} }
    errors[id] = { errors: [error], dependent_outputs: outputs, class_type: kind }
  }
  for (const [id, { class_type: kind, inputs = {} }] of nodes) {
    const { unet_name: model, image } = inputs
    if (typeof model === 'string' && !models.has(model))
      wrong(
        id,
        kind,
        'value_not_in_list',
        'Value not in list',
        `unet_name: '${model}' not in ${JSON.stringify([...models])}`,
      )
    if (kind === 'LoadImage' && !(typeof image === 'string' && images.has(image)))
      wrong(
        id,
        kind,
        'custom_validation_failed',
        'Custom validation failed for node',
        `image - Invalid image file: ${String(image)}`,
      )
  }
  if (Object.keys(errors).length === 0) return { outputs }
  return refused('prompt_outputs_failed_validation', 'Prompt outputs failed validation', '', errors)
}

function refused(type: string, message: string, details: string, nodeErrors: object = {}): Checked {
  return { refusal: { error: { type, message, details, extra_info: {} }, node_errors: nodeErrors } }
}
