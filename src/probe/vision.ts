import { basename } from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { error } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { ImageSource } from '../model/processor/image-source.ts'
import { renderPng, renderSvg } from '../report/plot.ts'
import { hashCheckpoint } from '../run/hash.ts'
import type { Progress } from '../run/progress.ts'
import { type Failure, openRun, type Run } from '../run/run.ts'
import { changed } from './changed.ts'
import { changeRateChart } from './chart.ts'
import { hashPairs, type InvalidPair, readPairs, type VisionPair } from './pairs.ts'
import { type SwapRecord, type SwapSummary, summarize } from './summary.ts'
import { answer, imagePrompt, readSource, requireEqualGrids, type SwapOptions, swappedAnswer } from './swap.ts'

const Pair: z.ZodType<VisionPair> = z.strictObject({
  id: z.string().min(1),
  task: z.string().min(1),
  prompt: z.string(),
  targetImage: ImageSource,
  sourceImage: ImageSource,
  targetAnswer: z.string().optional(),
  sourceAnswer: z.string().optional(),
})

const VisionOptions = z
  .strictObject({
    /** The pairs themselves, or `data`: a directory with `<task>/data.jsonl`, images relative to the task's directory. */
    pairs: z.array(Pair).min(1).optional(),
    data: z.string().optional(),
    /** Which tasks, in which order; by default every one there is. */
    tasks: z.array(z.string()).min(1).optional(),
    /** First layers of the swap, each from that layer on; default all. */
    layers: z.union([z.literal('all'), z.array(z.int().min(0)).min(1)]).default('all'),
    /** At most so many pairs of a task, the first ones; default all. */
    samples: z.int().min(1).optional(),
    maxNewTokens: z.int().min(1).default(64),
    /** Reproduce the published code: its swap recurs while decoding, and an empty answer counts as contained in a long one. */
    compat: z.boolean().default(false),
    /** Pairs with different grids fail, or have the source resampled to the target's number of tokens. */
    mismatch: z.enum(['throw', 'resample']).default('throw'),
    /** Directory of the result files; without it nothing is kept. */
    out: z.string().optional(),
    overwrite: z.boolean().default(false),
    signal: z.instanceof(AbortSignal).optional(),
    onProgress: z.custom<(progress: Progress) => void>((value) => typeof value === 'function', 'a function').optional(),
  })
  .refine(({ pairs, data }) => (pairs === undefined) !== (data === undefined), 'either pairs or data')
export type VisionOptions = z.input<typeof VisionOptions>

export interface VisionResult {
  summary: SwapSummary
  records: SwapRecord[]
  failures: Failure[]
}

const resultsFile = 'layer_swap_results.jsonl'

/**
 * Visual-token swap (arXiv 2602.12395, functional localization): the change rate of layer l is the fraction of pairs whose greedy
 * answer changes when, in every decoder layer from l on, the keys and values at the image positions come from the source image.
 *
 * With `out` it writes `layer_swap_results.jsonl`, `layer_swap_summary.json`, `failures.jsonl` and `layer_swap_plot.svg` and `.png`
 * there; called again with the same options it continues. A pair that fails is recorded, counted and leaves the next one unaffected.
 * Throws `ERR_UNKNOWN_LAYER`, `ERR_DATA`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function vision(model: VisionLanguageModel, options: VisionOptions): Promise<VisionResult> {
  const checked = check(VisionOptions, options)
  const layers = layersOf(model, checked.layers)
  const { pairs, tasks } = await pairsOf(checked)
  await using run = await openVisionRun(model, checked, layers, pairs, tasks)
  await run.forEach(
    resultsFile,
    pairs.map((pair) => ({ id: `${pair.task}/${pair.id}`, pair })),
    ({ pair }) => sweep(model, pair, layers, checked),
  )
  const records = await run.records<SwapRecord>(resultsFile)
  const summary = summarize(records, pairs, tasks, layers)
  if (checked.out !== undefined) await writeResults(run, summary, basename(model.directory))
  return { summary, records, failures: await run.failures() }
}

/** One pair: the answer without a swap, then with a swap from each layer on. */
async function sweep(
  model: VisionLanguageModel,
  pair: VisionPair | InvalidPair,
  layers: readonly number[],
  options: SwapOptions,
): Promise<SwapRecord[]> {
  if ('invalid' in pair) throw error('ERR_DATA', pair.invalid)
  using target = await imagePrompt(model, pair.targetImage, pair.prompt)
  using sourcePrompt = await imagePrompt(model, pair.sourceImage, pair.prompt)
  if (options.mismatch === 'throw') requireEqualGrids(target.inputs, sourcePrompt.inputs)
  using source = await readSource(model, sourcePrompt.inputs, options.signal)
  const original = await answer(model, target.inputs, options)
  const records: SwapRecord[] = []
  for (const layer of layers) {
    const swapped = await swappedAnswer(model, target.inputs, source, layer, options)
    records.push({
      task: pair.task,
      sample_id: pair.id,
      layer,
      original_answer: original,
      swapped_answer: swapped,
      answer_changed: changed(original, swapped, options),
      target_answer: pair.targetAnswer ?? '',
      source_answer: pair.sourceAnswer ?? '',
    })
  }
  return records
}

function layersOf(model: VisionLanguageModel, layers: 'all' | readonly number[]): number[] {
  if (model.config.vision === null) throw expected('a vision-language model', 'model', model.config.architecture)
  const count = model.config.numHiddenLayers
  if (layers === 'all') return Array.from({ length: count }, (_, layer) => layer)
  const unknown = layers.find((layer) => layer >= count)
  if (unknown === undefined) return [...new Set(layers)].sort((a, b) => a - b)
  throw error('ERR_UNKNOWN_LAYER', `Layer ${unknown} does not exist: the decoder has layers 0 to ${count - 1}`)
}

async function pairsOf({ pairs, data, tasks, samples = Number.POSITIVE_INFINITY }: z.output<typeof VisionOptions>) {
  if (data !== undefined) {
    const read = await readPairs(data, { tasks, samples })
    return { pairs: read, tasks: tasks ?? [...new Set(read.map(({ task }) => task))] }
  }
  const chosen = tasks ?? [...new Set(pairs!.map(({ task }) => task))]
  return {
    pairs: chosen.flatMap((task) => pairs!.filter((pair) => pair.task === task).slice(0, samples)),
    tasks: chosen,
  }
}

async function openVisionRun(
  model: VisionLanguageModel,
  options: z.output<typeof VisionOptions>,
  layers: number[],
  pairs: readonly (VisionPair | InvalidPair)[],
  tasks: string[],
): Promise<Run> {
  const { out, overwrite, signal, onProgress, maxNewTokens, compat, mismatch, samples = null, data } = options
  // Without a directory nothing is continued, so nothing needs a hash.
  const kept = out !== undefined
  return openRun({
    out,
    overwrite,
    signal,
    onProgress,
    command: 'probe vision',
    arguments: { tasks, layers, samples, max_new_tokens: maxNewTokens, compat, mismatch, dtype: model.dtype },
    models: kept ? { model: { path: model.directory, sha256: await hashCheckpoint(model.directory, signal) } } : {},
    data: kept ? { pairs: { path: data, sha256: await hashPairs(pairs) } } : {},
  })
}

async function writeResults(run: Run, summary: SwapSummary, name: string): Promise<void> {
  await run.writeJson('layer_swap_summary.json', summary)
  const svg = await renderSvg(changeRateChart(summary, name))
  await run.write('layer_swap_plot.svg', svg)
  await run.write('layer_swap_plot.png', await renderPng(svg))
}
