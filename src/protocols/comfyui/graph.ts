/**
 * What a graph of nodes says of its video: prompt, frames, size and the model files that it loads. A graph is its
 * client's own program, so all of this is told by the names that core nodes and the usual Wan nodes give their inputs.
 */
import { isTagged } from '../../core/job-id.ts'
import { isObject } from '../answer-json.ts'
import { editTexts } from '../body/json-text.ts'
import { clipFacts, promptChars } from '../submission/facts.ts'
import type { Facts } from '../submit.ts'

type Inputs = Record<string, unknown>

/** Inputs by which loaders name the file of a video model. */
const MODEL_INPUTS = new Set(['unet_name', 'ckpt_name', 'model'])
/** Such a member, without escapes: in a string its quotes would have some. */
const MODEL_MEMBERS = /("(?:unet_name|ckpt_name|model)"\s*:\s*)"([^"\\]*)"/g
/** Several files are one model, as the two experts of Wan2.2 are. */
const SEPARATOR = ','
/** A shorter word that looks like an id of Sluice's is one by chance. */
const MIN_ID_CHARS = 40
/** Wan's own. */
const DEFAULT_FPS = 16
/** From a sampler to the text that it works from; what is longer is no chain but a circle. */
const MAX_STEPS = 10

export function readGraph(graph: unknown): Facts & { model: string | null } {
  const nodes = nodesOf(graph)
  const frames = first(nodes, ['length', 'num_frames', 'video_frames'])
  const fps = first(nodes, ['fps', 'frame_rate']) ?? DEFAULT_FPS
  const sized = [...nodes.values()].find(({ width, height }) => positive(width) && positive(height))
  const pixels = sized ? (sized['width'] as number) * (sized['height'] as number) : null
  return {
    model: modelsOf(nodes).join(SEPARATOR) || null,
    promptChars: promptChars(promptOf(nodes)),
    ...clipFacts({ seconds: null, frames, fps, pixels }),
  }
}

/** The graph's source with an arm's model files in place of the client's; as it is where their number differs. */
export function withModel(source: string, graph: unknown, model: string): string {
  const own = modelsOf(nodesOf(graph))
  const others = model.split(SEPARATOR).map((name) => name.trim())
  if (own.length !== others.length) return source
  const other = new Map(own.map((name, i) => [name, others[i]!]))
  const editor = (text: string, path: string[]) => (isModelAt(path) ? (other.get(text) ?? text) : text)
  return replacedAsWritten(source, graph, other) ?? editTexts(source, editor)
}

/**
 * The usual graph at the cost of a search: each member that names a file is found as it is written, and there are as many
 * as loaders have. Null where there are more or fewer, as under another spelling or in a title's place.
 */
function replacedAsWritten(source: string, graph: unknown, other: ReadonlyMap<string, string>): string | null {
  let left = [...nodesOf(graph).values()].flatMap(filesOf).length
  const replaced = source.replaceAll(MODEL_MEMBERS, (member, start: string, name: string) => {
    const own = other.get(name)
    if (own === undefined) return member
    left--
    return start + JSON.stringify(own)
  })
  return left === 0 ? replaced : null
}

function isModelAt(path: readonly string[]): boolean {
  return path.length === 3 && path[1] === 'inputs' && MODEL_INPUTS.has(path[2]!)
}

/** Ids of inputs that were uploaded through Sluice. */
export function inputsOf(graph: unknown): string[] {
  const found = new Set<string>()
  for (const inputs of nodesOf(graph).values())
    for (const value of Object.values(inputs))
      if (typeof value === 'string' && value.length >= MIN_ID_CHARS && isTagged(value)) found.add(value)
  return [...found]
}

/** Each file once, in the order of the nodes' numbers. */
function modelsOf(nodes: ReadonlyMap<string, Inputs>): string[] {
  return [...new Set([...nodes.values()].flatMap(filesOf))]
}

function filesOf(inputs: Inputs): string[] {
  const found: string[] = []
  for (const name of MODEL_INPUTS) {
    const file = inputs[name]
    if (typeof file === 'string' && file !== '') found.push(file)
  }
  return found
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
  for (const [id, node] of Object.entries(isObject(graph) ? graph : {}))
    if (isObject(node) && isObject(node['inputs'])) nodes.set(id, node['inputs'])
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
