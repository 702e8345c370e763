import { z } from 'zod'
import { error } from '../errors.ts'
import { disposeInputs, type Inputs } from '../model/inputs.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { ImageSource } from '../model/processor/image-source.ts'
import type { Content } from '../model/processor/messages.ts'
import type { SwapIntervention } from '../model/swap.ts'

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

/** Which layers each answer of a sweep has swapped: from each layer on, each alone, or windows of so many from each. */
export const SwapMode = z
  .custom<'from' | 'only' | `window:${number}`>(
    (value) => typeof value === 'string' && /^(?:from|only|window:[1-9]\d*)$/.test(value),
    "'from', 'only' or 'window:k'",
  )
  .default('from')

/** First layer and the one after the last. */
export type Stretch = readonly [number, number]

/** The stretches that begin at `layers`, of a decoder of `count`; a window that would not fit has none. */
export function stretches(mode: z.output<typeof SwapMode>, layers: readonly number[], count: number): Stretch[] {
  const width = mode === 'only' ? 1 : mode === 'from' ? undefined : Number(mode.slice('window:'.length))
  return layers
    .map((first): Stretch => [first, width === undefined ? count : first + width])
    .filter(([, end]) => end <= count)
}

/** The swap of the image's keys and values in some layers. */
export function swapIn(
  [first, end]: Stretch,
  source: SwapIntervention['source'],
  { tensors, compat, mismatch }: { tensors: 'kv' | 'k' | 'v'; compat: boolean; mismatch: 'throw' | 'resample' },
): SwapIntervention {
  return {
    kind: 'swap',
    point: `language_model.layers[${first}:${end}]`,
    positions: 'image',
    steps: compat ? 'all' : 'prefill',
    tensors,
    resample: mismatch === 'resample',
    source,
  }
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
