import { error } from '../errors.ts'
import { disposeInputs, type Inputs } from '../model/inputs.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { ImageSource } from '../model/processor/image-source.ts'
import type { Content } from '../model/processor/messages.ts'
import type { SwapIntervention } from '../model/swap.ts'

/** What a swap takes from the source image: keys after rotary and values of every decoder layer, over the whole prompt. */
export type SwapSource = SwapIntervention['source'] & Disposable

export interface SwapOptions {
  maxNewTokens: number
  /** Append the source's keys and values once more at every decoding step, as the published code does. */
  compat: boolean
  /** Images with different token grids: an error, or the source's tokens resampled along the token axis to the target's number. */
  mismatch: 'throw' | 'resample'
  signal?: AbortSignal
}

/** The prompt of the vision probe: chat template, image before the text, the question as it stands. Dispose it. */
export async function imagePrompt(
  model: VisionLanguageModel,
  image: ImageSource,
  prompt: string,
): Promise<{ inputs: Inputs } & Disposable> {
  const content: Content[] = [
    { type: 'image', image },
    { type: 'text', text: prompt },
  ]
  const inputs = await model.processor.prepare([{ role: 'user', content }])
  return { inputs, [Symbol.dispose]: () => disposeInputs(inputs) }
}

/** One forward pass over the source. The result owns its tensors: dispose it. */
export async function readSource(
  model: VisionLanguageModel,
  inputs: Inputs,
  signal?: AbortSignal,
): Promise<SwapSource> {
  const capture = ['key', 'value'].map((tensor) => `language_model.layers.*.self_attn.${tensor}`)
  const { logits, positionIds, captured } = await model.forward(inputs, { capture, signal })
  const tensors = [logits, positionIds, ...Object.values(captured)]
  return {
    inputs,
    keysValues: captured,
    [Symbol.dispose]: () => {
      for (const tensor of tensors) tensor.dispose()
    },
  }
}

/** Greedy answer to `inputs` without a swap. */
export async function answer(model: VisionLanguageModel, inputs: Inputs, options: SwapOptions): Promise<string> {
  const { maxNewTokens, signal } = options
  return (await model.generate(inputs, { maxNewTokens, temperature: 0, signal })).text
}

/**
 * Greedy answer to `inputs` when every decoder layer from `layer` on has the source's keys and values at the image positions.
 * Throws `ERR_GRID_MISMATCH` for unequal grids under `mismatch: 'throw'`.
 */
export async function swappedAnswer(
  model: VisionLanguageModel,
  inputs: Inputs,
  source: SwapSource,
  layer: number,
  { maxNewTokens, compat, mismatch, signal }: SwapOptions,
): Promise<string> {
  const swap: SwapIntervention = {
    kind: 'swap',
    point: `language_model.layers[${layer}:]`,
    positions: 'image',
    steps: compat ? 'all' : 'prefill',
    resample: mismatch === 'resample',
    source,
  }
  const reply = await model.generate(inputs, { maxNewTokens, temperature: 0, interventions: [swap], signal })
  return reply.text
}

/** Throws `ERR_GRID_MISMATCH` when the images of two prompts are cut into different grids of patches. */
export function requireEqualGrids(target: Inputs, source: Inputs): void {
  const [a, b] = [target, source].map(({ imageGridThw = [] }) =>
    imageGridThw.map((grid) => grid.join(' × ')).join(', '),
  )
  if (a === b) return
  throw error(
    'ERR_GRID_MISMATCH',
    `The target's image has a grid of ${a} patches (time × height × width), the source's ${b}: use images of equal size, ` +
      "or mismatch: 'resample' (--mismatch resample)",
  )
}
