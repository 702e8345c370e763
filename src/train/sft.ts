import type { z } from 'zod'
import { check } from '../check.ts'
import type { DataRecord } from '../data/record.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { TrainingRow } from './batch.ts'
import { sft as loss } from './losses/index.ts'
import { modelCard } from './model-card.ts'
import { CommonOptions, decisive, scheduleOf, scheduleOptions } from './options.ts'
import { recordsAt } from './order.ts'
import { allRecords, named } from './records.ts'
import { type Prepare, preparation, RowsAhead } from './rows.ts'
import { learningRate } from './schedule.ts'
import type { Trainer } from './trainer.ts'
import { type TrainingResult, train } from './training-run.ts'

const { lr, batch, weightDecay, lrSchedulerType } = scheduleOptions
const SftOptions = CommonOptions.extend({
  /** Conversations a step. */
  batch: batch.default(64),
  lr: lr.default(5e-5),
  lrSchedulerType: lrSchedulerType.default('cosine'),
  weightDecay: weightDecay.default(0),
})
export type SftOptions = z.input<typeof SftOptions>

// Of the recipe (arXiv 2511.16334).
const warmupRatio = 0.1

/**
 * Supervised training on conversations (arXiv 2602.12395, cold start): maximum likelihood of the assistant's replies given all before them. Conversations
 * are packed as groups of rows, without padding. `metrics.jsonl` has `loss`, `grad_norm`, `learning_rate` and `tokens` of every step, and `eval_loss`.
 *
 * Rejects with `ERR_DATA` for a record without a reply or a missing image, `ERR_TRAINING` where a step cannot go on, `ERR_OUTPUT`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function sft(model: VisionLanguageModel, options: SftOptions): Promise<TrainingResult> {
  const checked = check(SftOptions, options)
  const { data, eval: evalData, freeze, layerCuts, batch, seed, signal, weightDecay, maxGradNorm } = checked
  if (freeze.length > 0) model.freeze(freeze, { cuts: layerCuts })
  const records = await allRecords(data)
  const heldOut = evalData === undefined ? undefined : await allRecords(evalData)
  const schedule = scheduleOf(checked, records.length, warmupRatio)
  const settings = decisive({ ...checked, steps: schedule.steps, warmupSteps: schedule.warmupSteps })
  const optimizer = {
    beta1: checked.adamBeta1,
    beta2: checked.adamBeta2,
    eps: checked.adamEpsilon,
    weightDecay,
    maxGradNorm,
  }
  const prepare = preparation(model, signal)
  const chosen = (step: number) => recordsAt(records.length, seed, step * batch, batch).map((place) => records[place]!)
  await using ahead = new RowsAhead((step) => (step < schedule.steps ? prepare(chosen(step)) : undefined))
  return await train(model, checked, {
    command: 'train sft',
    arguments: settings,
    steps: schedule.steps,
    records: records.length,
    async step(step, trainer) {
      const learning_rate = learningRate(schedule, step)
      try {
        using prepared = await ahead.of(step)
        const { rows } = prepared
        const report = await trainer.step({ rows }, loss, { ...optimizer, lr: learning_rate, linear: true, signal })
        return { ...report, learning_rate, tokens: tokens(rows) }
      } catch (thrown) {
        throw named(thrown, step, chosen(step))
      }
    },
    evaluate:
      heldOut &&
      (async (trainer) => {
        const eval_loss = await evaluate(trainer, heldOut, batch, prepare, signal)
        return { value: -eval_loss, metrics: { eval_loss } }
      }),
    merit: heldOut ? undefined : (lines) => -mean(lines.map(({ loss }) => loss!)),
    card: (facts) =>
      modelCard({ model, recipe: 'Supervised fine-tuning', freeze, data, settings, steps: schedule.steps, ...facts }),
  })
}

/** Mean loss of a token over all records. */
async function evaluate(
  trainer: Trainer,
  records: readonly DataRecord[],
  batch: number,
  prepare: Prepare,
  signal: AbortSignal | undefined,
): Promise<number> {
  let [sum, count] = [0, 0]
  for (let first = 0; first < records.length; first += batch) {
    using prepared = await prepare(records.slice(first, first + batch))
    const { rows } = prepared
    const { logprobs, entropy } = await trainer.logprobs({ rows }, { signal })
    sum -= Number(await logprobs.sum().item())
    count += tokens(rows)
    logprobs.dispose()
    entropy.dispose()
  }
  return sum / count
}

function tokens(rows: readonly TrainingRow[]): number {
  return rows.reduce((sum, { targets }) => sum + targets!.length, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
