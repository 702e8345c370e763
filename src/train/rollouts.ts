import type { DataRecord } from '../data/record.ts'
import { error } from '../errors.ts'
import { disposeInputs, type Inputs } from '../model/inputs.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { RandomState } from '../statistics/random-state.ts'
import { ops } from '../tensor/ops.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Completion, Reward, Weighted } from './rewards/index.ts'

/** How completions are drawn. */
export interface Sampling {
  group: number
  temperature: number
  topP: number
  topK: number
  maxNewTokens: number
}

/** A prompt, the completions drawn for it, and what they were worth. */
export interface Group extends Disposable {
  record: DataRecord
  inputs: Inputs
  completions: Completion[]
  rewards: number[]
  /** The parts of a weighted reward, by name. */
  parts: Record<string, number[]>
}

/**
 * `group` completions of each record's prompt, drawn together by the engine, which reads a prompt once for all of them, and rewarded. What is drawn
 * depends on `seed` alone. Rejects with `ERR_TRAINING` naming the record where a reward is not finite.
 */
export async function rollouts(
  model: VisionLanguageModel,
  records: readonly DataRecord[],
  reward: Reward | Weighted,
  { group, maxNewTokens, temperature, topP, topK }: Sampling,
  { seed, signal }: { seed: number; signal?: AbortSignal },
): Promise<Group[]> {
  const inputs = await preparedPrompts(model, records, signal)
  try {
    await using joined = await join(inputs)
    const replies = await model.generateBatch(joined.inputs, {
      numReturnSequences: group,
      maxNewTokens,
      temperature,
      topP,
      topK,
      repetitionPenalty: 1,
      seed,
      signal,
    })
    return await Promise.all(
      records.map(async (record, prompt) => {
        const completions = replies.slice(prompt * group, (prompt + 1) * group).map(
          ({ text, tokenIds, finishReason }): Completion => ({
            text,
            tokenIds,
            finishReason: finishReason as 'stop' | 'length',
          }),
        )
        const worth = await Promise.all(completions.map((completion) => worthOf(reward, record, completion)))
        const names = Object.keys(worth[0]!.parts)
        const parts = Object.fromEntries(names.map((name) => [name, worth.map(({ parts }) => parts[name]!)]))
        const own = inputs[prompt]!
        const rewards = worth.map(({ total }) => total)
        return { record, inputs: own, completions, rewards, parts, [Symbol.dispose]: () => disposeInputs(own) }
      }),
    )
  } catch (thrown) {
    for (const one of inputs) disposeInputs(one)
    throw thrown
  }
}

async function worthOf(reward: Reward | Weighted, record: DataRecord, completion: Completion) {
  const worth =
    'detailed' in reward
      ? await reward.detailed(record, completion)
      : { total: await reward(record, completion), parts: {} as Record<string, number> }
  if (Number.isFinite(worth.total)) return worth
  throw error('ERR_TRAINING', `The reward of a completion of record '${record.id}' is ${worth.total}`)
}

async function preparedPrompts(
  model: VisionLanguageModel,
  records: readonly DataRecord[],
  signal: AbortSignal | undefined,
): Promise<Inputs[]> {
  const made = await Promise.allSettled(
    records.map(({ messages }) => model.processor.prepare(promptOf(messages), { signal })),
  )
  const inputs = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = made.find((one) => one.status === 'rejected')
  if (!failed) return inputs
  for (const one of inputs) disposeInputs(one)
  throw failed.reason
}

// Of a record that has a reply, what comes before it.
function promptOf(messages: DataRecord['messages']): DataRecord['messages'] {
  return messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages
}

/** The rows of several inputs as one batch, whose pixels are its own. */
async function join(parts: readonly Inputs[]): Promise<{ inputs: Inputs } & AsyncDisposable> {
  const inputs: Inputs = { inputIds: parts.flatMap(({ inputIds }) => inputIds) }
  const pixels = async (tensors: (Tensor | undefined)[]) => {
    const given = tensors.filter((one) => one !== undefined)
    return given.length > 0 ? await ops.cat(given) : undefined
  }
  const [images, videos] = [
    await pixels(parts.map((part) => part.pixelValues)),
    await pixels(parts.map((part) => part.pixelValuesVideos)),
  ]
  if (images)
    Object.assign(inputs, { pixelValues: images, imageGridThw: parts.flatMap((part) => part.imageGridThw ?? []) })
  if (videos) {
    const seconds = parts.flatMap((part) => part.secondPerGridTs ?? (part.videoGridThw ?? []).map(() => 1))
    const videoGridThw = parts.flatMap((part) => part.videoGridThw ?? [])
    Object.assign(inputs, { pixelValuesVideos: videos, videoGridThw, secondPerGridTs: seconds })
  }
  return { inputs, [Symbol.asyncDispose]: async () => disposeInputs(inputs) }
}

/** A seed for `draw` of step `step` that no other has, as far as 52 bits allow. */
export function seedOf(seed: number, ...draw: number[]): number {
  const random = new RandomState([seed % 2 ** 32, Math.floor(seed / 2 ** 32), ...draw])
  return random.uint32() * 2 ** 20 + (random.uint32() >>> 12)
}
