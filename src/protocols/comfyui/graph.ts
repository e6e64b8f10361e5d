/**
 * What a graph of nodes says of its video: prompt, frames, size and the model files that it loads. A graph is its
 * client's own program, so all of this is told by the names that core nodes and the usual Wan nodes give their inputs.
 */
import type { Submission } from '../protocol.ts'
import { codePoints } from '../submission/code-points.ts'
import { editJson } from '../body/json-edit.ts'

type Inputs = Record<string, unknown>

/** Inputs by which loaders name the file of a video model. */
const MODEL_INPUTS = new Set(['unet_name', 'ckpt_name', 'model'])
/** Several files are one model, as the two experts of Wan2.2 are. */
const SEPARATOR = ','
/** Wan's own. */
const DEFAULT_FPS = 16
/** From a sampler to the text that it works from; what is longer is no chain but a circle. */
const MAX_STEPS = 10

export function readGraph(graph: unknown): Pick<Submission, 'model' | 'promptChars' | 'durationSeconds' | 'work'> {
  const nodes = nodesOf(graph)
  const prompt = promptOf(nodes)
  const frames = first(nodes, ['length', 'num_frames', 'video_frames'])
  const fps = first(nodes, ['fps', 'frame_rate']) ?? DEFAULT_FPS
  const sized = [...nodes.values()].find(({ width, height }) => positive(width) && positive(height))
  const pixels = sized ? (sized['width'] as number) * (sized['height'] as number) : null
  return {
    model: modelsOf(nodes).join(SEPARATOR) || null,
    promptChars: prompt === null ? null : codePoints(prompt),
    durationSeconds: frames === null ? null : frames / fps,
    work: frames === null || pixels === null ? null : frames * pixels,
  }
}

/** The graph's source with an arm's model files in place of the client's; as it is where their number differs. */
export function withModel(source: string, graph: unknown, model: string): string {
  const own = modelsOf(nodesOf(graph))
  const others = model.split(SEPARATOR).map((name) => name.trim())
  if (own.length !== others.length) return source
  const other = new Map(own.map((name, i) => [name, others[i]!]))
  return editJson(source, {
    key: (path) => path.at(-1)!,
    text: (text, path) => (isModelAt(path) ? (other.get(text) ?? text) : text),
  })
}

function isModelAt(path: readonly string[]): boolean {
  return path.length === 3 && path[1] === 'inputs' && MODEL_INPUTS.has(path[2]!)
}

/** Each file once, in the order of the nodes' numbers. */
function modelsOf(nodes: ReadonlyMap<string, Inputs>): string[] {
  const named = [...nodes.values()].flatMap((inputs) => [...MODEL_INPUTS].map((name) => inputs[name]))
  return [...new Set(named.filter((name) => typeof name === 'string' && name !== ''))] as string[]
}

/** The text that a sampler's positive side leads to, or what a node takes as such. */
function promptOf(nodes: ReadonlyMap<string, Inputs>): string | null {
  for (const inputs of nodes.values()) {
    if (typeof inputs['positive_prompt'] === 'string') return inputs['positive_prompt']
    let link: unknown = inputs['positive']
    for (let step = 0; step < MAX_STEPS && Array.isArray(link); step++) {
      const from = nodes.get(String(link[0]))
      const text = from?.['text'] ?? from?.['prompt']
      if (typeof text === 'string') return text
      link = from?.['positive'] ?? from?.['conditioning']
    }
  }
  return null
}

function nodesOf(graph: unknown): Map<string, Inputs> {
  const nodes = new Map<string, Inputs>()
  if (graph === null || typeof graph !== 'object') return nodes
  for (const [id, node] of Object.entries(graph as Record<string, { inputs?: unknown } | null>)) {
    const inputs = node !== null && typeof node === 'object' ? node.inputs : null
    if (inputs !== null && typeof inputs === 'object' && !Array.isArray(inputs)) nodes.set(id, inputs as Inputs)
  }
  return nodes
}

function first(nodes: ReadonlyMap<string, Inputs>, names: readonly string[]): number | null {
  for (const inputs of nodes.values())
    for (const name of names) if (positive(inputs[name])) return inputs[name] as number
  return null
}

/** An input may be a link to another node, too. */
function positive(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < 1e9
}
