import { z } from 'zod'
import { check, describe, expected } from '../check.ts'
import { error } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { abortable, type NativeResult, native, type TrainedPart, type TrainerHandle } from '../native.ts'
import { Tensor, tensor } from '../tensor/tensor.ts'
import { type CheckedBatch, checkBatch, partsOf, type TrainingBatch, targetCounts } from './batch.ts'
import { type GivenInput, givenInputs, lossProgram } from './loss-program.ts'
import type { Loss } from './losses/loss.ts'

const TrainerOptions = z.strictObject({
  /** Keep only what enters each decoder layer and compute it again in the backward pass: less memory, a third more time. */
  activationCheckpointing: z.boolean().default(false),
  /** Most tokens whose graph is held at once; a batch of more is worked off in parts, with the same result. */
  tokensAtOnce: z.int().min(1).default(8192),
  signal: z.instanceof(AbortSignal).optional(),
})
export type TrainerOptions = z.input<typeof TrainerOptions>

const OptimizerOptions = z.strictObject({
  lr: z.number().min(0),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  eps: z.number().min(0).default(1e-8),
  weightDecay: z.number().min(0).default(0),
  /** Gradients are scaled down to this norm; without it they are not. */
  maxGradNorm: z.number().gt(0).optional(),
})
/** Of AdamW (arXiv 1711.05101), in the defaults of torch. */
export type OptimizerOptions = z.input<typeof OptimizerOptions>

const BackwardOptions = z.strictObject({
  /** The log-probabilities are those of the softmax at this temperature, as the tokens were drawn. */
  temperature: z.number().gt(0).default(1),
  /** The loss is linear in the log-probabilities (maximum likelihood): then parts need no first pass. */
  linear: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
})
export type BackwardOptions = z.input<typeof BackwardOptions>

/** The loss and what it reports, by name; `grad_norm` after an optimizer step. */
export type StepReport = { loss: number } & Record<string, number>

/**
 * Trains the parameters of a model that are not frozen, in place: the model generates with what was learned so far. Frozen parameters get
 * no gradient and no optimizer state, and what lies below the lowest trained one runs without a graph.
 */
export class Trainer implements AsyncDisposable {
  readonly model: VisionLanguageModel
  /** Names of the parameters being trained. */
  readonly names: readonly string[]
  readonly #handle: TrainerHandle
  readonly #tokensAtOnce: number
  readonly #release: () => void
  #updates = 0
  #checked = false
  #disposed = false

  /** @internal Use `createTrainer`. */
  constructor(
    model: VisionLanguageModel,
    names: readonly string[],
    handle: TrainerHandle,
    tokensAtOnce: number,
    release: () => void,
  ) {
    this.model = model
    this.names = names
    this.#handle = handle
    this.#tokensAtOnce = tokensAtOnce
    this.#release = release
  }

  /**
   * One step: `loss` is recorded, the engine adds its gradients, AdamW moves the weights. Rejects with `ERR_TRAINING` where the loss or a gradient is
   * not finite, which leaves the weights as they were, or where a trained parameter gets no gradient in the first step.
   */
  async step(batch: TrainingBatch, loss: Loss, options: OptimizerOptions & BackwardOptions): Promise<StepReport> {
    const { temperature, linear, signal, ...optimizer } = options
    const report = await this.backward(batch, loss, { temperature, linear, signal })
    return { ...report, grad_norm: await this.update(optimizer) }
  }

  /** Adds the gradients of a loss over the batch to those already there: several calls before `update` accumulate. */
  async backward(batch: TrainingBatch, loss: Loss, options: BackwardOptions = {}): Promise<StepReport> {
    const { temperature, linear, signal } = check(BackwardOptions, options)
    const checked = checkBatch(batch)
    const given = this.#given(checked)
    const names = givenInputs.filter((name) => given[name] !== undefined)
    const { program, names: results } = lossProgram(loss, names)
    const parts = partsOf(this.model.config, checked, this.#tokensAtOnce)
    const inputs = names.map((name) => given[name]!.handle)
    try {
      const values = await abortable(signal, (cancellation) =>
        native().trainerAccumulate(this.#live(), parts, program, inputs, { temperature, linear }, cancellation),
      )
      const report = Object.fromEntries(
        await Promise.all(results.map(async (name, i) => [name, await number(values[i]!)] as const)),
      ) as StepReport
      if (!Number.isFinite(report.loss)) {
        await this.zeroGrad()
        throw error('ERR_TRAINING', `The loss is ${report.loss}`)
      }
      if (!this.#checked) await this.#requireGradients()
      return report
    } finally {
      given.mask?.dispose()
      if (given.advantages !== batch.advantages) given.advantages?.dispose()
    }
  }

  /** Moves the weights by the gradients added up, which are zero afterwards, and returns their norm before clipping. */
  async update(options: OptimizerOptions): Promise<number> {
    const checked = check(OptimizerOptions, options)
    const norm = await native().trainerUpdate(this.#live(), checked)
    if (Number.isFinite(norm)) {
      this.#updates++
      return norm
    }
    await this.zeroGrad()
    throw error('ERR_TRAINING', `The norm of the gradients is ${norm}`)
  }

  /** Log-probability and entropy of every token that the batch would learn: [completions, tokens], right-padded. */
  async logprobs(
    batch: TrainingBatch,
    options: Omit<BackwardOptions, 'linear'> = {},
  ): Promise<{ logprobs: Tensor; entropy: Tensor }> {
    const { temperature, signal } = check(BackwardOptions, options)
    const parts = partsOf(this.model.config, checkBatch(batch), this.#tokensAtOnce)
    const made = await abortable(signal, (cancellation) =>
      native().trainerLogprobs(this.#live(), parts, { temperature }, cancellation),
    )
    return { logprobs: new Tensor(made.logprobs), entropy: new Tensor(made.entropy) }
  }

  /** Forgets the gradients added up. */
  async zeroGrad(): Promise<void> {
    await native().trainerZeroGradients(this.#live())
  }

  /** A copy of a trained parameter (in float32 where the model computes in a half type), of its gradient (null where there is none) or of AdamW's state. */
  async get(name: string, part: TrainedPart = 'value'): Promise<Tensor | null> {
    const found = await native().trainerGet(this.#live(), name, part)
    return found && new Tensor(found)
  }

  async set(name: string, part: TrainedPart, value: Tensor): Promise<void> {
    await native().trainerSet(this.#live(), name, part, value.handle)
  }

  /** Optimizer steps that AdamW counts as made. */
  get updates(): number {
    return this.#updates
  }

  async setUpdates(updates: number): Promise<void> {
    await native().trainerSetSteps(this.#live(), check(z.int().min(0), updates, 'updates'))
    this.#updates = updates
    this.#checked ||= updates > 0
  }

  /** Ends the training; what was learned stays in the model, whose parameters others may change again. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await native().disposeTrainer(this.#handle)
    this.#release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #live(): TrainerHandle {
    if (this.#disposed) throw error('ERR_DISPOSED', 'The trainer was disposed')
    return this.#handle
  }

  #given(batch: CheckedBatch): Partial<Record<GivenInput, Tensor>> {
    const counts = targetCounts(batch)
    const width = Math.max(...counts)
    const dtype = this.model.dtype === 'float64' ? 'float64' : 'float32'
    for (const name of ['old', 'ref'] as const) {
      const { shape } = batch[name] ?? { shape: [counts.length, width] }
      if (shape.join() !== `${counts.length},${width}`)
        throw expected(`shape [${counts.length}, ${width}]`, `batch.${name}`, shape, 'ERR_SHAPE_MISMATCH')
    }
    const { advantages } = batch
    const many = advantages instanceof Tensor ? advantages.shape[0] : advantages?.length
    if (many !== undefined && many !== counts.length)
      throw expected(
        `one for each of ${counts.length} completions`,
        'batch.advantages',
        advantages,
        'ERR_SHAPE_MISMATCH',
      )
    const own = dtype === 'float64' ? Float64Array : Float32Array
    const mask = new own(counts.length * width)
    for (const [row, count] of counts.entries()) mask.fill(1, row * width, row * width + count)
    return {
      mask: tensor(mask, [counts.length, width]),
      advantages: Array.isArray(advantages)
        ? tensor(own.from(advantages), [counts.length])
        : (advantages as Tensor | undefined),
      old: batch.old,
      ref: batch.ref,
    }
  }

  // A parameter without a gradient would be decayed and never learn: a wrong --freeze, or images that do not come.
  async #requireGradients(): Promise<void> {
    const missing = await native().trainerWithoutGradient(this.#live())
    if (missing.length > 0) {
      await this.zeroGrad()
      const shown = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ` and ${missing.length - 3} more` : '')
      const remedy = missing.every((name) => name.startsWith('visual.'))
        ? ': the batch has no image; freeze vision and projector'
        : ''
      throw error(
        'ERR_TRAINING',
        `${missing.length} of ${this.names.length} trained parameters got no gradient in the first step (${shown})${remedy}`,
      )
    }
    this.#checked = true
  }
}

/** A trainer of everything in `model` that is not frozen (`model.freeze`). Rejects with `ERR_TRAINING` when that is nothing or another trainer's. Until it is disposed, `edit`, `graft` and `restore` of what it trains do too. */
export async function createTrainer(model: VisionLanguageModel, options: TrainerOptions = {}): Promise<Trainer> {
  const checked = check(TrainerOptions, options)
  const names = model
    .parameters()
    .filter(({ trainable }) => trainable)
    .map(({ name }) => name)
  if (names.length === 0) throw error('ERR_TRAINING', 'Nothing is left to train: every parameter is frozen')
  return open(model, names, checked)
}

/** A trainer of nothing: only its `logprobs` are of use, such as those of a reference model. */
export async function createScorer(model: VisionLanguageModel): Promise<Trainer> {
  return open(model, [], TrainerOptions.parse({}))
}

async function open(
  model: VisionLanguageModel,
  names: readonly string[],
  { activationCheckpointing, tokensAtOnce, signal }: z.output<typeof TrainerOptions>,
): Promise<Trainer> {
  const release = model.claimForTraining(names)
  try {
    const handle = await abortable(signal, (cancellation) =>
      native().createTrainer(model.handle, names, { recompute: activationCheckpointing }, cancellation),
    )
    return new Trainer(model, names, handle, tokensAtOnce, release)
  } catch (cause) {
    release()
    throw cause
  }
}

async function number(result: NativeResult): Promise<number> {
  if (typeof result === 'number') return result
  if (result === null || typeof result !== 'object' || Array.isArray(result))
    throw expected('a tensor of one element', 'a result of the loss', describe(result))
  using value = new Tensor(result)
  return Number(await value.item())
}
