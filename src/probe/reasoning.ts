import { basename } from 'node:path'
import { z } from 'zod'
import { checkAnswer } from '../answers/index.ts'
import { check } from '../check.ts'
import { type Benchmark, benchmark, type Item, promptStyles } from '../data/index.ts'
import { interventionHash } from '../model/intervention-json.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { renderPng, renderSvg } from '../report/plot.ts'
import { hashCheckpoint, hashFile } from '../run/hash.ts'
import { type Failure, openRun, type Run } from '../run/run.ts'
import { shardArgument, shardOf } from '../run/shard.ts'
import { ablated, ablations, meanPoints } from './ablations.ts'
import { decoderLayers } from './layers.ts'
import { Means } from './means.ts'
import { type InvalidQuestion, isQuestion, readQuestions } from './questions.ts'
import { accuracyChart, type ReasoningRecord, type ReasoningSummary, summarizeReasoning } from './reasoning-summary.ts'
import { runOptions } from './run-options.ts'

export const reasoningDatasets = ['math500', 'gsm8k', 'generic'] as const

const ReasoningOptions = z.strictObject({
  /** A file of questions and answers. */
  data: z.string(),
  /** How the file is read: MATH-500, GSM8K, or data records (`{id, messages, answer}`). */
  dataset: z.enum(reasoningDatasets).default('generic'),
  /** What is left out, a part at a time. */
  ablate: z.enum(ablated).default('layer'),
  /** A part contributes nothing, or its mean over the tokens of prompts. */
  ablation: z.enum(['zero', 'mean']).default('zero'),
  /** From how many of the questions, the first ones drawn, the means are taken. */
  meanSamples: z.int().min(1).default(32),
  layers: z.union([z.literal('all'), z.array(z.int().min(0)).min(1)]).default('all'),
  /** Questions drawn as the paper draws them; all when there are fewer. */
  samples: z.int().min(1).default(100),
  seed: z.int().min(0).max(0xffffffff).default(123),
  promptStyle: z.enum(promptStyles).default('boxed'),
  maxNewTokens: z.int().min(1).default(2048),
  /** Bytes beyond the weights that the replies to a question may take; see `model.sweep`. */
  maxMemory: z.int().min(1).optional(),
  ...runOptions,
})
export type ReasoningOptions = z.input<typeof ReasoningOptions>

export interface ReasoningResult {
  /** By name of the configuration, `baseline` first. */
  summaries: ReasoningSummary[]
  records: ReasoningRecord[]
  failures: Failure[]
}

const resultsFile = 'ablation_results.jsonl'

/**
 * Ablation (arXiv 2602.12395, functional localization): greedy accuracy on reasoning questions for the intact model and without each decoder layer, or
 * each attention, MLP, head or third of the layers. All configurations answer a question together.
 *
 * With `out` it writes `ablation_results.jsonl`, `<name>/<dataset>.jsonl` and `<name>/summary.json` for each configuration, `all_results.json`,
 * `failures.jsonl` and `ablation_plot.svg` and `.png`; called again with the same options it continues. Answers are judged by `answers.checkAnswer`; one it cannot
 * decide counts as wrong. A record that is no question, or one that fails, is recorded with the reason and counted, and the next one follows. Throws `ERR_UNKNOWN_LAYER`, `ERR_DATA`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function reasoning(model: VisionLanguageModel, options: ReasoningOptions): Promise<ReasoningResult> {
  const checked = check(ReasoningOptions, options)
  const layers = decoderLayers(model, checked.layers)
  const of = benchmark(checked.dataset)
  const items = await readQuestions(of, checked)
  await using run = await openReasoningRun(model, of, layers, checked)
  const samples = shardOf(items, checked.shard)
  const configurations = ablations(model, checked.ablate, layers)
  using means = await meansFor(model, of, items, layers, checked, run.finished(resultsFile) < samples.length)
  const rows = configurations.map((ablation) => ablation.interventions(means))
  const hashes = await Promise.all(
    rows.map(async (row) => (await Promise.all(row.map(interventionHash))).join(' ') || null),
  )
  const provenance = { model_sha256: run.config.models.model?.sha256 ?? null, dtype: model.dtype }
  const { maxNewTokens, maxMemory, signal, ablate, ablation: by } = checked
  await run.forEach(resultsFile, samples, async (item) => {
    if (!isQuestion(item)) throw item.invalid
    const replies = await model.sweep(of.ask(item, checked.promptStyle), rows, { maxNewTokens, maxMemory, signal })
    const records: ReasoningRecord[] = []
    for (const [i, { name, layer, head }] of configurations.entries()) {
      const { text, finishReason, tokenIds } = replies[i]!
      const { choices, precision } = item
      const verdict = await checkAnswer(text, item.answer, { choices, precision, signal })
      records.push({
        id: item.id,
        question: item.question,
        gold_answer: item.answer,
        predicted: verdict.extracted ?? '',
        correct: verdict.correct === true,
        full_response: text,
        ablation: name === 'baseline' ? 'none' : `${by} ${ablate}`,
        ablated_layer: layer,
        ...(head === undefined ? {} : { ablated_head: head }),
        name,
        method: verdict.method,
        finish_reason: finishReason,
        reply_tokens: tokenIds.length,
        intervention: hashes[i]!,
        ...provenance,
      })
    }
    return records
  })
  return { ...(await finishReasoning(run, { write: checked.out !== undefined })), failures: await run.failures() }
}

/** Summaries, files of each configuration and plot of a run whose questions are done; also of gathered ones. */
export async function finishReasoning(
  run: Run,
  { write = true } = {},
): Promise<{ summaries: ReasoningSummary[]; records: ReasoningRecord[] }> {
  const records = await run.records<ReasoningRecord>(resultsFile)
  const { names, dataset } = check(ReasoningArguments, run.config.arguments, 'config.json')
  const failures = (await run.failures()).length
  const summaries = names.map((name) => summarizeReasoning(name, records, failures))
  if (write) {
    for (const summary of summaries) {
      const own = records.filter(({ name }) => name === summary.experiment)
      await run.write(
        `${summary.experiment}/${dataset}.jsonl`,
        own.map((record) => `${JSON.stringify(record)}\n`).join(''),
      )
      await run.writeJson(`${summary.experiment}/summary.json`, summary)
    }
    await run.writeJson('all_results.json', summaries)
    const svg = await renderSvg(accuracyChart(summaries, basename(run.config.models.model?.path ?? 'model'), dataset))
    await run.write('ablation_plot.svg', svg)
    await run.write('ablation_plot.png', await renderPng(svg))
  }
  return { summaries, records }
}

const ReasoningArguments = z.looseObject({ names: z.array(z.string()), dataset: z.string() })

type Checked = z.output<typeof ReasoningOptions>

async function openReasoningRun(
  model: VisionLanguageModel,
  of: Benchmark,
  layers: readonly number[],
  options: Checked,
): Promise<Run> {
  const { data, dataset, ablate, ablation, meanSamples, samples, seed, promptStyle, maxNewTokens, shard } = options
  const { out, overwrite, signal, onProgress } = options
  const kept = out !== undefined
  const files = kept ? await of.files(data) : []
  return openRun({
    out,
    overwrite,
    signal,
    onProgress,
    command: 'probe reasoning',
    arguments: {
      dataset,
      names: ablations(model, ablate, layers).map(({ name }) => name),
      ablate,
      ablation,
      ...(ablation === 'mean' ? { mean_samples: meanSamples } : {}),
      samples,
      seed,
      prompt_style: promptStyle,
      max_new_tokens: maxNewTokens,
      dtype: model.dtype,
      ...shardArgument(shard),
    },
    models: kept ? { model: { path: model.directory, sha256: await hashCheckpoint(model.directory, signal) } } : {},
    data: Object.fromEntries(
      await Promise.all(files.map(async (path) => [basename(path), { path, sha256: await hashFile(path) }])),
    ),
  })
}

async function meansFor(
  model: VisionLanguageModel,
  of: Benchmark,
  items: readonly (Item | InvalidQuestion)[],
  layers: readonly number[],
  { ablation, ablate, meanSamples, promptStyle, signal }: Checked,
  needed: boolean,
): Promise<Means | undefined> {
  if (ablation === 'zero' || !needed) return undefined
  const prompts = items
    .slice(0, meanSamples)
    .filter(isQuestion)
    .map((item) => of.ask(item, promptStyle))
  return Means.over(model, prompts, meanPoints(ablate, layers, model.config.numHiddenLayers), signal)
}
