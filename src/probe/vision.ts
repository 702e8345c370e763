import { basename } from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { error } from '../errors.ts'
import type { Inputs } from '../model/inputs.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { ImageSource } from '../model/processor/image-source.ts'
import { renderPng, renderSvg } from '../report/plot.ts'
import { hashCheckpoint, hashJson } from '../run/hash.ts'
import { type Failure, openRun, type Run } from '../run/run.ts'
import { shardArgument, shardOf } from '../run/shard.ts'
import { changed } from './changed.ts'
import { changeRateChart } from './chart.ts'
import { decoderLayers } from './layers.ts'
import { matches, movedToSource } from './matches.ts'
import { Canvas, hashImage, hashPairs, type InvalidPair, readPairs, type VisionPair } from './pairs.ts'
import { runOptions } from './run-options.ts'
import { type SwapRecord, type SwapSummary, summarize } from './summary.ts'
import { imagePrompt, requireEqualGrids, type Stretch, SwapMode, stretches, swapIn } from './swap.ts'

const Pair: z.ZodType<VisionPair> = z.strictObject({
  id: z.string().min(1),
  task: z.string().min(1),
  prompt: z.string(),
  targetImage: ImageSource,
  sourceImage: ImageSource,
  targetAnswer: z.string().optional(),
  sourceAnswer: z.string().optional(),
  canvas: Canvas.optional(),
})

const VisionOptions = z
  .strictObject({
    /** The pairs themselves, or `data`: a directory with `<task>/data.jsonl`, images relative to the task's directory. */
    pairs: z.array(Pair).min(1).optional(),
    data: z.string().optional(),
    /** Which tasks, in which order; by default every one there is. */
    tasks: z.array(z.string()).min(1).optional(),
    /** First layers of the swap; default all. */
    layers: z.union([z.literal('all'), z.array(z.int().min(0)).min(1)]).default('all'),
    /** At most so many pairs of a task, the first ones; default all. */
    samples: z.int().min(1).optional(),
    /** Where each answer is swapped: from its layer on, in it alone, or in so many layers from it. */
    mode: SwapMode,
    /** Keys and values are swapped, or one of them. */
    tensors: z.enum(['kv', 'k', 'v']).default('kv'),
    maxNewTokens: z.int().min(1).default(64),
    /** Reproduce the published code: its swap recurs while decoding, and an empty answer counts as contained in a long one. */
    compat: z.boolean().default(false),
    /** Pairs with different grids fail, or have the source resampled to the target's number of tokens. */
    mismatch: z.enum(['throw', 'resample']).default('throw'),
    /** Bytes beyond the weights that the answers to a pair may take; see `model.sweep`. */
    maxMemory: z.int().min(1).optional(),
    ...runOptions,
  })
  .refine(({ pairs, data }) => (pairs === undefined) !== (data === undefined), 'either pairs or data')
  .refine(
    ({ compat, tensors }) => !compat || tensors === 'kv',
    "tensors 'kv' with compat, which appends keys and values",
  )
export type VisionOptions = z.input<typeof VisionOptions>

export interface VisionResult {
  summary: SwapSummary
  records: SwapRecord[]
  failures: Failure[]
}

const resultsFile = 'layer_swap_results.jsonl'

/**
 * Visual-token swap (arXiv 2602.12395, functional localization): the change rate of layer l is the fraction of pairs whose greedy
 * answer changes when, in every decoder layer from l on, the keys and values at the image positions come from the source image. `mode` and
 * `tensors` swap in fewer layers, or only one of the two.
 *
 * With `out` it writes `layer_swap_results.jsonl`, `layer_swap_summary.json`, `failures.jsonl` and `layer_swap_plot.svg` and `.png`
 * there; called again with the same options it continues. A pair that fails is recorded, counted and leaves the next one unaffected.
 * Throws `ERR_UNKNOWN_LAYER`, `ERR_DATA`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function vision(model: VisionLanguageModel, options: VisionOptions): Promise<VisionResult> {
  const checked = check(VisionOptions, options)
  if (model.config.vision === null) throw expected('a vision-language model', 'model', model.config.architecture)
  const swaps = stretches(checked.mode, decoderLayers(model, checked.layers), model.config.numHiddenLayers)
  if (swaps.length === 0) throw expected('a window that fits between the layers', 'options.mode', checked.mode)
  const { pairs, tasks } = await pairsOf(checked)
  await using run = await openVisionRun(model, checked, swaps, pairs, tasks)
  const samples = shardOf(pairs, checked.shard).map((pair) => ({ id: `${pair.task}/${pair.id}`, pair }))
  const provenance = { model_sha256: run.config.models.model?.sha256 ?? null, dtype: model.dtype }
  await run.forEach(resultsFile, samples, ({ pair }) => answerPair(model, pair, swaps, checked, provenance))
  const ids = samples.map(({ id }) => id)
  return { ...(await finishVision(run, ids, { write: checked.out !== undefined })), failures: await run.failures() }
}

/** Summary and plot of a run whose pairs `ids` are done; also of gathered ones. */
export async function finishVision(
  run: Run,
  ids: readonly string[],
  { write = true } = {},
): Promise<{ summary: SwapSummary; records: SwapRecord[] }> {
  const records = await run.records<SwapRecord>(resultsFile)
  const { tasks, layers, mode, tensors } = check(VisionArguments, run.config.arguments, 'config.json')
  const pairs = ids.map((id) => ({ task: id.slice(0, id.indexOf('/')) }))
  const summary = summarize(records, pairs, tasks, layers)
  if (write) {
    const name = basename(run.config.models.model?.path ?? 'model')
    await run.writeJson('layer_swap_summary.json', summary)
    const svg = await renderSvg(changeRateChart(summary, { name, mode, tensors }))
    await run.write('layer_swap_plot.svg', svg)
    await run.write('layer_swap_plot.png', await renderPng(svg))
  }
  return { summary, records }
}

const VisionArguments = z.looseObject({
  tasks: z.array(z.string()),
  layers: z.array(z.int()),
  mode: z.string(),
  tensors: z.string(),
})

/** One pair: the answer without a swap, and with each of the swaps. */
async function answerPair(
  model: VisionLanguageModel,
  pair: VisionPair | InvalidPair,
  swaps: readonly Stretch[],
  options: z.output<typeof VisionOptions>,
  provenance: Pick<SwapRecord, 'model_sha256' | 'dtype'>,
): Promise<SwapRecord[]> {
  if ('invalid' in pair) throw error('ERR_DATA', pair.invalid)
  const { maxNewTokens, maxMemory, signal, tensors, compat, mismatch } = options
  using target = await imagePrompt(model, pair.targetImage, pair.prompt)
  using sourcePrompt = await imagePrompt(model, pair.sourceImage, pair.prompt)
  if (mismatch === 'throw') requireEqualGrids(target.inputs, sourcePrompt.inputs)
  // Read apart: one pass over both images took ten times as long on the machine that measured it, for a reason not yet found (bench/sweep).
  using source = await model.prefill(sourcePrompt.inputs, { signal })
  const configurations = swaps.map((swap) => [swapIn(swap, source, options)])
  const replies = await model.sweep(target.inputs, [[], ...configurations], { maxNewTokens, maxMemory, signal })
  const [original, ...swapped] = replies.map(({ text }) => text)
  const { targetAnswer, sourceAnswer } = pair
  const scale = boxScale(pair, target.inputs, model.config.vision!.patchSize)
  const before = matches(original!, targetAnswer, sourceAnswer, scale)
  const sourceImage = await hashImage(pair.sourceImage)
  return swaps.map(([first, end], i) => {
    const found = matches(swapped[i]!, targetAnswer, sourceAnswer, scale)
    const what = { kind: 'swap', layers: [first, end - 1], tensors, compat, mismatch, source: sourceImage }
    return {
      task: pair.task,
      sample_id: pair.id,
      layer: first,
      original_answer: original!,
      swapped_answer: swapped[i]!,
      answer_changed: changed(original!, swapped[i]!, options),
      target_answer: targetAnswer ?? '',
      source_answer: sourceAnswer ?? '',
      matches_target: found.target,
      matches_source: found.source,
      moved_to_source: movedToSource(before, found, targetAnswer, sourceAnswer),
      ...(found.iouTarget === undefined ? {} : { iou_target: found.iouTarget, iou_source: found.iouSource }),
      swapped_layers: [first, end - 1],
      tensors,
      intervention: hashJson(what),
      ...provenance,
    }
  })
}

/** What the model sees is the image resized to whole patches, and it answers in the pixels of that (arXiv 2502.13923, §2.1.2). */
function boxScale({ canvas }: VisionPair, { imageGridThw }: Inputs, patchSize: number): [number, number] {
  if (!canvas) return [1, 1]
  const [, height, width] = imageGridThw![0]!
  return [(width! * patchSize) / canvas[0], (height! * patchSize) / canvas[1]]
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
  swaps: readonly Stretch[],
  pairs: readonly (VisionPair | InvalidPair)[],
  tasks: string[],
): Promise<Run> {
  const {
    out,
    overwrite,
    signal,
    onProgress,
    maxNewTokens,
    mode,
    tensors,
    compat,
    mismatch,
    shard,
    samples = null,
  } = options
  const layers = swaps.map(([first]) => first)
  // Without a directory nothing is continued, so nothing needs a hash.
  const kept = out !== undefined
  return openRun({
    out,
    overwrite,
    signal,
    onProgress,
    command: 'probe vision',
    arguments: {
      tasks,
      layers,
      samples,
      mode,
      tensors,
      max_new_tokens: maxNewTokens,
      compat,
      mismatch,
      dtype: model.dtype,
      ...shardArgument(shard),
    },
    models: kept ? { model: { path: model.directory, sha256: await hashCheckpoint(model.directory, signal) } } : {},
    data: kept ? { pairs: { path: options.data, sha256: await hashPairs(pairs) } } : {},
  })
}
