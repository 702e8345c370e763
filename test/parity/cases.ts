import { readFile } from 'node:fs/promises'
import { readSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import type { Inputs } from '../../src/model/inputs.ts'
import type { VisionLanguageModel } from '../../src/model/model.ts'
import type { Message } from '../../src/model/processor/messages.ts'
import type { Processor } from '../../src/model/processor/processor.ts'
import { fixture, readJson, withPaths } from '../processor/fixture.ts'
import type { Values } from './values.ts'

/** A greedy reply of transformers; `gaps`: the lead of each token over the second best, as a fraction of the largest |score|. */
export interface Greedy {
  tokens: number[]
  gaps: number[]
}

/** What scripts/fixtures.py recorded of one prompt (docs/fixtures.md). */
export interface Case {
  name: string
  model: string
  messages: Message[]
  add_vision_id: boolean
  repetition_penalty: number
  tensors: string
  text: string
  pictures: { file: string; resized: [number, number]; sha256: string }[]
  greedy: Greedy & { text: string }
}

export interface SwapCase {
  name: string
  model: string
  messages: Message[]
  source_messages: Message[]
  repetition_penalty: number
  tensors: string
  original: Greedy
  source: Greedy
  swapped: Greedy[]
  compat: Greedy[]
}

/** Replies with a part left out, by `layer_i`, `attention_i`, `mlp_i` or `head_i_h`; `baseline` has all parts. */
export interface AblationCase {
  case: string
  repetition_penalty: number
  replies: Record<string, Greedy>
}

interface Manifest {
  cases: Record<string, Omit<Case, 'name'>>
  batches: string[][]
  swaps: Record<string, Omit<SwapCase, 'name'>>
  ablations: Record<string, AblationCase>
}

const manifest = readJson<Manifest>('cases.json')

export const cases: Case[] = named(manifest.cases)
export const swaps: SwapCase[] = named(manifest.swaps)
export const ablations: AblationCase[] = Object.values(manifest.ablations)
export const batches: Case[][] = manifest.batches.map((names) => names.map(caseNamed))

export function caseNamed(name: string): Case {
  const found = cases.find((known) => known.name === name)
  if (!found) throw new Error(`cases.json has no case ${name}`)
  return found
}

/** The prompts as one batch, by our own processor from the messages and the PNGs. */
export async function inputsOf(processor: Processor, ...prompts: Pick<Case, 'messages' | 'add_vision_id'>[]) {
  const conversations = prompts.map(({ messages }) => withPaths(messages))
  const text = conversations.map((messages, row) =>
    processor.applyChatTemplate(messages, { addGenerationPrompt: true, addVisionId: prompts[row]!.add_vision_id }),
  )
  return processor({ text, ...(await processor.processVisionInfo(conversations)) })
}

/** Where the embeddings of pictures, then those of videos, stand among the tokens of a row. */
export function visualPositions({ config }: VisionLanguageModel, inputs: Inputs, row = 0): number[] {
  const ids = inputs.inputIds[row]!
  return [config.imageTokenId, config.videoTokenId].flatMap((pad) => ids.flatMap((id, at) => (id === pad ? [at] : [])))
}

/** Every tensor of a file of the fixtures, by name. */
export async function readTensors(path: string): Promise<Record<string, Values>> {
  const file = fixture(path)
  const { tensors } = await readSafetensorsHeader(file)
  const bytes = await readFile(file)
  return Object.fromEntries(
    tensors.map(({ storedName, dtype, shape, begin, end }) => {
      const { buffer } = Uint8Array.from(bytes.subarray(begin, end))
      return [storedName, { shape, data: elements(dtype, buffer) }]
    }),
  )
}

function elements(dtype: string, buffer: ArrayBuffer): Float64Array {
  if (dtype === 'int64') return Float64Array.from(new BigInt64Array(buffer), Number)
  if (dtype === 'int32') return Float64Array.from(new Int32Array(buffer))
  if (dtype === 'float32') return Float64Array.from(new Float32Array(buffer))
  if (dtype === 'float64') return new Float64Array(buffer)
  throw new Error(`The fixtures have no tensors of ${dtype}`)
}

function named<Entry>(entries: Record<string, Entry>): (Entry & { name: string })[] {
  return Object.entries(entries).map(([name, entry]) => ({ name, ...entry }))
}
