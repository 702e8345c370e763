import { z } from 'zod'
import { check } from '../check.ts'
import type { Reply } from '../model/generation.ts'
import type { Inputs } from '../model/inputs.ts'
import type { Intervention } from '../model/interventions.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Message } from '../model/processor/messages.ts'
import { SweepOptions as ModelSweepOptions } from '../model/sweep.ts'

const SweepOptions = ModelSweepOptions.extend({
  /** Called after each sample. */
  onProgress: z.custom<(progress: { done: number; total: number }) => void>().optional(),
})
export type SweepOptions = z.input<typeof SweepOptions>

/** A conversation, or the inputs made of one. */
export type SweepSample = readonly Message[] | Inputs

/**
 * The replies to each sample under each configuration, a list of interventions; `[]` is the model as it is. A function makes the configurations of a sample
 * where they depend on it, as a swap does. Of each sample the images are encoded and the prompt is read once (`model.sweep`).
 */
export async function sweep<Sample extends SweepSample>(
  model: VisionLanguageModel,
  samples: readonly Sample[],
  interventions:
    | readonly (readonly Intervention[])[]
    | ((sample: Sample) => Promise<readonly (readonly Intervention[])[]>),
  options: SweepOptions = {},
): Promise<Reply[][]> {
  const { onProgress, ...checked } = check(SweepOptions, options)
  const replies: Reply[][] = []
  for (const sample of samples) {
    const configurations = typeof interventions === 'function' ? await interventions(sample) : interventions
    replies.push(await model.sweep(sample, configurations, checked))
    onProgress?.({ done: replies.length, total: samples.length })
  }
  return replies
}
