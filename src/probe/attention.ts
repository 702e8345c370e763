import { basename } from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { error } from '../errors.ts'
import { imagePositions } from '../model/inputs.ts'
import { VisionLanguageModel } from '../model/model.ts'
import { renderPng, renderSvg } from '../report/plot.ts'
import { hashCheckpoint } from '../run/hash.ts'
import { type Failure, openRun, type Run } from '../run/run.ts'
import { shardArgument, shardOf } from '../run/shard.ts'
import {
  type AttentionMass,
  type AttentionRecord,
  attentionCharts,
  type HeadMass,
  summarizeAttention,
} from './attention-summary.ts'
import { hashPairs, type InvalidPair, readPairs, type VisionPair } from './pairs.ts'
import { runOptions } from './run-options.ts'
import { imagePrompt } from './swap.ts'

const AttentionOptions = z.strictObject({
  /** A directory with `<task>/data.jsonl`, as for the vision probe, of which the target images are used. */
  data: z.string(),
  tasks: z.array(z.string()).min(1).optional(),
  /** At most so many lines of a task, the first ones; default all. */
  samples: z.int().min(1).optional(),
  /** A second model: what is reported besides is its mass less the first one's. */
  versus: z.custom<VisionLanguageModel>((value) => value instanceof VisionLanguageModel, 'a loaded model').optional(),
  maxNewTokens: z.int().min(1).default(64),
  ...runOptions,
})
export type AttentionOptions = z.input<typeof AttentionOptions>

export interface AttentionResult {
  summary: AttentionMass
  records: AttentionRecord[]
  failures: Failure[]
}

const resultsFile = 'attention_results.jsonl'

/**
 * Attention shift (arXiv 2602.12395): the attention mass that tokens of the question and tokens of the greedy reply put on the image's tokens, by layer
 * and head, averaged over tokens and samples; with `versus` also the second model's less the first one's. Of each model one layer's attention
 * weights at a time are held.
 *
 * With `out` it writes `attention_results.jsonl`, `attention_mass.json`, `failures.jsonl`, `attention_plot.svg`/`.png` and `attention_heads.svg`/`.png`; called
 * again with the same options it continues. Throws `ERR_DATA`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function attention(model: VisionLanguageModel, options: AttentionOptions): Promise<AttentionResult> {
  const checked = check(AttentionOptions, options)
  for (const one of [model, checked.versus]) {
    if (one?.config.vision === null) throw expected('a vision-language model', 'model', one.config.architecture)
  }
  const { tasks, samples: most } = checked
  const pairs = await readPairs(checked.data, { tasks, samples: most })
  await using run = await openAttentionRun(model, checked, pairs)
  const samples = shardOf(pairs, checked.shard).map((pair) => ({ id: `${pair.task}/${pair.id}`, pair }))
  await run.forEach(resultsFile, samples, async ({ pair }) => {
    const first = await massOf(model, pair, checked)
    const versus = checked.versus && (await massOf(checked.versus, pair, checked))
    return [
      {
        task: pair.task,
        sample_id: pair.id,
        ...first,
        ...(versus ? { versus } : {}),
        model_sha256: run.config.models.model?.sha256 ?? null,
        dtype: model.dtype,
      },
    ]
  })
  return { ...(await finishAttention(run, { write: checked.out !== undefined })), failures: await run.failures() }
}

/** Means and plots of a run whose samples are done; also of gathered ones. */
export async function finishAttention(
  run: Run,
  { write = true } = {},
): Promise<{ summary: AttentionMass; records: AttentionRecord[] }> {
  const records = await run.records<AttentionRecord>(resultsFile)
  const { layers } = check(z.looseObject({ layers: z.int() }), run.config.arguments, 'config.json')
  const summary = summarizeAttention(records, {
    layers,
    versus: run.config.models.versus !== undefined || records.some(({ versus }) => versus),
    failures: (await run.failures()).length,
  })
  if (write) {
    await run.writeJson('attention_mass.json', summary)
    const charts = attentionCharts(summary, records, basename(run.config.models.model?.path ?? 'model'))
    for (const [name, chart] of Object.entries(charts)) {
      const svg = await renderSvg(chart)
      await run.write(`${name}.svg`, svg)
      await run.write(`${name}.png`, await renderPng(svg))
    }
  }
  return { summary, records }
}

type Checked = z.output<typeof AttentionOptions>

async function massOf(
  model: VisionLanguageModel,
  pair: VisionPair | InvalidPair,
  { maxNewTokens, signal }: Checked,
): Promise<{ reply: string; layers: HeadMass[] }> {
  if ('invalid' in pair) throw error('ERR_DATA', pair.invalid)
  using prompt = await imagePrompt(model, pair.targetImage, pair.prompt)
  const { inputs } = prompt
  const { text, tokenIds, promptTokenIds } = await model.generate(inputs, { maxNewTokens, temperature: 0, signal })
  const keys = imagePositions(model.config, promptTokenIds)
  // The last new token is never read by the model.
  const read = tokenIds.slice(0, -1)
  const question = span(keys.at(-1)! + 2, promptTokenIds.length) // behind <|vision_end|>
  const generated = span(promptTokenIds.length, promptTokenIds.length + read.length)
  const masses = await model.attentionMass(
    { ...inputs, inputIds: [[...promptTokenIds, ...read]] },
    { queries: [question, ...(generated.length > 0 ? [generated] : [])], keys, signal },
  )
  return {
    reply: text,
    layers: masses.map(([question, generated]) => ({ question: question!, generated: generated ?? null })),
  }
}

function span(first: number, end: number): number[] {
  return Array.from({ length: Math.max(end - first, 0) }, (_, i) => first + i)
}

async function openAttentionRun(
  model: VisionLanguageModel,
  { tasks, samples, maxNewTokens, shard, versus, data, out, overwrite, signal, onProgress }: Checked,
  pairs: readonly (VisionPair | InvalidPair)[],
): Promise<Run> {
  const kept = out !== undefined
  const source = async ({ directory }: VisionLanguageModel) => ({
    path: directory,
    sha256: await hashCheckpoint(directory, signal),
  })
  return openRun({
    out,
    overwrite,
    signal,
    onProgress,
    command: 'probe attention',
    arguments: {
      tasks: tasks ?? [...new Set(pairs.map(({ task }) => task))],
      layers: Math.max(model.config.numHiddenLayers, versus?.config.numHiddenLayers ?? 0),
      samples: samples ?? null,
      max_new_tokens: maxNewTokens,
      dtype: model.dtype,
      ...shardArgument(shard),
    },
    models: kept ? { model: await source(model), ...(versus ? { versus: await source(versus) } : {}) } : {},
    data: kept ? { pairs: { path: data, sha256: await hashPairs(pairs) } } : {},
  })
}
