import { error } from '../errors.ts'
import type { Inputs } from '../model/inputs.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Message } from '../model/processor/messages.ts'
import { expandPads, padTokens } from '../model/processor/pads.ts'
import type { TrainingRow } from './batch.ts'

/**
 * A conversation as a row to learn: every reply of the assistant with the token that ends it, as the model would write it after the prompt
 * before it. The text in between, and the images, are given. Throws `ERR_DATA` for one without a reply.
 */
export async function conversationRow(
  model: VisionLanguageModel,
  messages: readonly Message[],
  options: { signal?: AbortSignal } = {},
): Promise<TrainingRow> {
  const { processor } = model
  const pieces = piecesOf(model, messages)
  if (!pieces.some(({ learned }) => learned))
    throw error('ERR_DATA', 'Expected a reply of the assistant in the conversation')
  // For the pixels, and for what the pads stand for; the ids are made piece by piece, as generation would make them.
  const inputs = await processor({
    text: pieces.map(({ text }) => text).join(''),
    ...(await processor.processVisionInfo(messages, options)),
  })
  const ids = expanded(
    model,
    pieces.map(({ text }) => processor.tokenizer.encode(text)),
    inputs,
  )
  const targets: number[] = []
  let length = 0
  pieces.forEach(({ learned }, piece) => {
    if (learned) for (let i = 0; i < ids[piece]!.length; i++) targets.push(length + i)
    length += ids[piece]!.length
  })
  return { inputs: { ...inputs, inputIds: [ids.flat()] }, targets }
}

interface Piece {
  text: string
  learned: boolean
}

// What the template writes, cut where a reply begins and where it ends.
function piecesOf({ processor, generationConfig }: VisionLanguageModel, messages: readonly Message[]): Piece[] {
  const pieces: Piece[] = []
  let written = ''
  const add = (text: string, learned: boolean) => {
    if (text !== '') pieces.push({ text, learned })
    written += text
  }
  messages.forEach(({ role }, i) => {
    if (role !== 'assistant') return
    const before = processor.applyChatTemplate(messages.slice(0, i), { addGenerationPrompt: true })
    const after = processor.applyChatTemplate(messages.slice(0, i + 1))
    if (!before.startsWith(written) || !after.startsWith(before))
      throw error(
        'ERR_MESSAGES',
        'The chat template rewrites earlier turns, so that replies cannot be told from prompts',
      )
    add(before.slice(written.length), false)
    const reply = after.slice(before.length)
    const stop = stops(generationConfig.eosTokenIds, processor.tokenizer).find((token) =>
      reply.trimEnd().endsWith(token),
    )
    add(stop === undefined ? reply : reply.trimEnd(), true)
  })
  return pieces
}

function stops(ids: readonly number[], tokenizer: VisionLanguageModel['processor']['tokenizer']): string[] {
  return ids.flatMap((id) => tokenizer.tokenOf(id) ?? [])
}

function expanded({ config, processor }: VisionLanguageModel, ids: number[][], inputs: Inputs): number[][] {
  const cell = (config.vision?.spatialMergeSize ?? 1) ** 2
  const counts = (grids: number[][] = []) => grids.map(([t, h, w]) => (t! * h! * w!) / cell)
  const kinds = { image: counts(inputs.imageGridThw), video: counts(inputs.videoGridThw) }
  let rows = ids
  for (const kind of Object.keys(padTokens) as (keyof typeof padTokens)[])
    rows = expandPads(rows, kind, kinds[kind], processor.tokenizer)
  return rows
}
