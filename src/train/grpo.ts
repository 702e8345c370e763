import { expected } from '../check.ts'
import type { DataRecord } from '../data/record.ts'
import { VisionLanguageModel } from '../model/model.ts'
import { advantages, deviation } from './advantages.ts'
import type { TrainingBatch } from './batch.ts'
import { type CheckedGrpoOptions, checkGrpoOptions, type GrpoOptions } from './grpo-options.ts'
import { policyLosses } from './losses/index.ts'
import { modelCard } from './model-card.ts'
import { decisive, scheduleOf } from './options.ts'
import { recordsAt } from './order.ts'
import { allRecords, named } from './records.ts'
import { overlong, standardReward } from './rewards/index.ts'
import { type Group, rollouts, seedOf } from './rollouts.ts'
import { learningRate, type Schedule } from './schedule.ts'
import { createScorer, type StepReport, type Trainer } from './trainer.ts'
import { type TrainingResult, train } from './training-run.ts'

/**
 * Reinforcement learning with verifiable rewards (GRPO, arXiv 2402.03300, and its relatives): each step draws a group of completions for every prompt,
 * rewards them, and moves the weights towards those better than the rest of their group. `metrics.jsonl` has `reward` with its parts and deviation,
 * `completion_length`, `truncated`, `loss`, `entropy`, clip fractions, `kl` where there is a reference, `grad_norm` and `learning_rate` of every step.
 *
 * Rejects with `ERR_DATA`, `ERR_TRAINING` where a reward, loss or gradient is not finite or nothing is trained, `ERR_OUTPUT`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function grpo(model: VisionLanguageModel, options: GrpoOptions): Promise<TrainingResult> {
  const checked = checkGrpoOptions(options)
  if (checked.epsilon >= 1) throw expected('a number < 1', 'options.epsilon', checked.epsilon)
  const { data, eval: evalData, freeze, layerCuts, beta } = checked
  if (freeze.length > 0) model.freeze(freeze, { cuts: layerCuts })
  const records = await allRecords(data)
  const heldOut = evalData === undefined ? undefined : await allRecords(evalData)
  const schedule = scheduleOf(checked, records.length, 0)
  const settings = decisive({
    ...checked,
    steps: schedule.steps,
    warmupSteps: schedule.warmupSteps,
    ownReward: checked.reward !== undefined,
  })
  await using reference = beta > 0 ? await loadReference(model) : undefined
  const policy = new Policy(model, checked, schedule, records, reference)
  return await train(model, checked, {
    command: 'train grpo',
    arguments: settings,
    steps: schedule.steps,
    records: records.length,
    step: (step, trainer) => policy.step(step, trainer),
    evaluate: heldOut && (() => policy.evaluate(heldOut)),
    merit: heldOut ? undefined : (lines) => mean(lines.map(({ reward }) => reward!)),
    card: (facts) =>
      modelCard({
        model,
        recipe: `Reinforcement learning (${checked.loss})`,
        freeze,
        data,
        settings,
        steps: schedule.steps,
        ...facts,
      }),
  })
}

class Policy {
  readonly #model: VisionLanguageModel
  readonly #options: CheckedGrpoOptions
  readonly #schedule: Schedule
  readonly #records: readonly DataRecord[]
  readonly #reference: Reference | undefined
  readonly #reward

  constructor(
    model: VisionLanguageModel,
    options: CheckedGrpoOptions,
    schedule: Schedule,
    records: readonly DataRecord[],
    reference: Reference | undefined,
  ) {
    this.#model = model
    this.#options = options
    this.#schedule = schedule
    this.#records = records
    this.#reference = reference
    this.#reward = options.reward ?? standardReward()
  }

  async step(step: number, trainer: Trainer): Promise<Record<string, number>> {
    const { batch, seed } = this.#options
    const chosen = recordsAt(this.#records.length, seed, step * batch, batch).map((place) => this.#records[place]!)
    try {
      const { groups, drawn } = await this.#sample(step, chosen)
      try {
        const learning_rate = learningRate(this.#schedule, step)
        const reports = await this.#learn(groups, trainer, learning_rate)
        return { ...described(drawn), ...averaged(reports), learning_rate }
      } finally {
        for (const group of drawn) group[Symbol.dispose]()
      }
    } catch (thrown) {
      throw named(thrown, step, chosen)
    }
  }

  async evaluate(records: readonly DataRecord[]) {
    const { batch, seed, signal } = this.#options
    const groups: Group[] = []
    const together = batch * this.#options.group
    for (let first = 0; first < records.length; first += together) {
      const some = records.slice(first, first + together)
      const drawn = await rollouts(
        this.#model,
        some,
        this.#reward,
        { ...this.#options, group: 1 },
        { seed: seedOf(seed, 1, first), signal },
      )
      for (const group of drawn) group[Symbol.dispose]()
      groups.push(...drawn)
    }
    const { reward, reward_std: _, uniform_groups: __, ...rest } = described(groups)
    const metrics = Object.fromEntries(
      Object.entries({ reward: reward!, ...rest }).map(([name, value]) => [`eval_${name}`, value]),
    )
    return { value: reward!, metrics }
  }

  // The groups to learn from, and all that were drawn.
  async #sample(step: number, chosen: readonly DataRecord[]): Promise<{ groups: Group[]; drawn: Group[] }> {
    const { batch, seed, dynamicSampling, maxResamples, signal } = this.#options
    const draw = (records: readonly DataRecord[], attempt: number) =>
      rollouts(this.#model, records, this.#reward, this.#options, { seed: seedOf(seed, 0, step, attempt), signal })
    const drawn = await draw(chosen, 0)
    if (!dynamicSampling) return { groups: drawn, drawn }
    const telling = () => drawn.filter(({ rewards }) => rewards.some((reward) => reward !== rewards[0]))
    // Of a stream beside that of the steps, which thus goes through all records whatever is drawn here.
    for (let attempt = 1; attempt <= maxResamples && telling().length < batch; attempt++) {
      const first = (step * maxResamples + attempt - 1) * batch
      const more = recordsAt(this.#records.length, seed + 1, first, batch - telling().length)
      drawn.push(
        ...(await draw(
          more.map((place) => this.#records[place]!),
          attempt,
        )),
      )
    }
    const groups = telling()
    return { groups: groups.length > 0 ? groups : drawn.slice(0, batch), drawn }
  }

  async #learn(groups: readonly Group[], trainer: Trainer, lr: number): Promise<StepReport[]> {
    const options = this.#options
    const {
      temperature,
      numIterations,
      updatesPerIteration,
      adamBeta1,
      adamBeta2,
      adamEpsilon,
      weightDecay,
      maxGradNorm,
      signal,
    } = options
    const loss = policyLosses[options.loss]({ ...options, maxCompletionLength: options.maxNewTokens })
    const optimizer = {
      lr,
      beta1: adamBeta1,
      beta2: adamBeta2,
      eps: adamEpsilon,
      weightDecay,
      maxGradNorm,
      temperature,
    }
    const parts = divided(groups, Math.min(updatesPerIteration, groups.length))
    // While the policy is the one that sampled, its own log-probabilities are the old ones.
    const moves = numIterations * parts.length > 1
    const batches: TrainingBatch[] = []
    const reports: StepReport[] = []
    try {
      for (const part of parts) {
        const batch = this.#batchOf(part)
        batches.push(batch)
        if (moves) batch.old = await only(trainer.logprobs(batch, { temperature, signal }))
        if (this.#reference) batch.ref = await only(this.#reference.scorer.logprobs(batch, { temperature, signal }))
      }
      for (let iteration = 0; iteration < numIterations; iteration++)
        // A step that has begun to move the weights goes on to its end.
        for (const batch of batches)
          reports.push(
            await trainer.step(batch, loss, { ...optimizer, signal: reports.length === 0 ? signal : undefined }),
          )
    } finally {
      for (const { old, ref } of batches) {
        old?.dispose()
        ref?.dispose()
      }
    }
    return reports
  }

  #batchOf(groups: readonly Group[]): TrainingBatch {
    const { scaleRewards } = this.#options
    return {
      rows: groups.map(({ inputs, completions }) => ({
        inputs,
        completions: completions.map(({ tokenIds }) => tokenIds),
      })),
      advantages: groups.flatMap((group) => advantages(this.#shaped(group), scaleRewards)),
    }
  }

  // Rewards with the penalty for length, which is no merit of the model to be reported.
  #shaped({ record, completions, rewards }: Group): number[] {
    const { overlongCache, maxNewTokens } = this.#options
    if (overlongCache === 0) return rewards
    const penalty = overlong({ max: maxNewTokens, cache: Math.max(1, Math.round(overlongCache * maxNewTokens)) })
    return rewards.map((reward, i) => reward + (penalty(record, completions[i]!) as number))
  }
}

type Reference = Awaited<ReturnType<typeof loadReference>>

// The weights that training began with, mapped once more from their files.
async function loadReference({ directory, device, dtype }: VisionLanguageModel) {
  const model = await VisionLanguageModel.load(directory, { device, dtype })
  const scorer = await createScorer(model)
  return {
    scorer,
    async [Symbol.asyncDispose]() {
      await scorer.dispose()
      await model.dispose()
    },
  }
}

async function only(made: ReturnType<Trainer['logprobs']>) {
  const { logprobs, entropy } = await made
  entropy.dispose()
  return logprobs
}

function described(groups: readonly Group[]): Record<string, number> {
  const completions = groups.flatMap((group) => group.completions)
  const names = Object.keys(groups[0]!.parts)
  return {
    reward: mean(groups.flatMap(({ rewards }) => rewards)),
    reward_std: mean(groups.map(({ rewards }) => deviation(rewards))),
    ...Object.fromEntries(names.map((name) => [`reward_${name}`, mean(groups.flatMap(({ parts }) => parts[name]!))])),
    uniform_groups: mean(groups.map(({ rewards }) => Number(rewards.every((reward) => reward === rewards[0])))),
    completion_length: mean(completions.map(({ tokenIds }) => tokenIds.length)),
    truncated: mean(completions.map(({ finishReason }) => Number(finishReason === 'length'))),
  }
}

function averaged(reports: readonly StepReport[]): Record<string, number> {
  return Object.fromEntries(
    Object.keys(reports[0]!).map((name) => [name, mean(reports.map((report) => report[name]!))]),
  )
}

function divided<T>(values: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, i) =>
    values.slice(Math.floor((i * values.length) / parts), Math.floor(((i + 1) * values.length) / parts)),
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
