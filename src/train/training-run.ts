import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { restoreDirectory } from '../checkpoint/output-directory.ts'
import { error, FrankentorchError } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { RunConfig } from '../run/config.ts'
import { LineFile } from '../run/files.ts'
import { hashCheckpoint, hashFile } from '../run/hash.ts'
import { ProgressMeter } from '../run/progress.ts'
import { openRun, type Run } from '../run/run.ts'
import { frozenNames, frozenReport, hashInEngine } from './frozen.ts'
import type { CommonOptions, Metrics } from './options.ts'
import { saveModel } from './save.ts'
import { loadState, type State, saveState } from './state.ts'
import { createTrainer, type Trainer } from './trainer.ts'

const metricsFile = 'metrics.jsonl'
const timingsFile = 'timings.jsonl'
const frozenFile = 'frozen.json'
const summaryFile = 'summary.json'
const resumeDirectory = 'resume'

export interface Training {
  /** As on the command line: `train sft`. */
  command: string
  arguments: RunConfig['arguments']
  /** Checkpoints beside the one trained whose content decides the result, by role. */
  models?: Record<string, string>
  steps: number
  /** Of the data. */
  records: number
  /** One step, counted from 0; what it measured. Weights are as before it when it throws. */
  step: (step: number, trainer: Trainer) => Promise<Record<string, number>>
  /** Measures the model; `value` is what `best/` is chosen by, the larger the better. */
  evaluate?: (trainer: Trainer) => Promise<{ value: number; metrics: Record<string, number> }>
  /** Without `evaluate`: what `best/` is chosen by, from the metrics of the steps since the last save. */
  merit?: (metrics: readonly Metrics[]) => number
  card: (facts: { step: number; best: boolean }) => string
}

export interface TrainingResult {
  steps: number
  /** The metrics of every step, those of earlier processes included. */
  metrics: Metrics[]
  best: State['best']
  /** Where `last/` and `best/` are. */
  directory: string
}

/**
 * Runs `training.step` until `steps` are done: writes metrics line by line, saves every `saveSteps`, when aborted and at the end, keeps the best,
 * and proves that frozen parameters stayed what they were. The same options continue a run that was cut off, with the same result bit for bit.
 */
export async function train(
  model: VisionLanguageModel,
  options: CommonOptions,
  training: Training,
): Promise<TrainingResult> {
  const { out, overwrite, signal } = options
  await using run = await openRun({
    out,
    overwrite,
    command: training.command,
    arguments: { ...training.arguments, dtype: model.dtype },
    models: await hashedModels({ model: model.directory, ...training.models }, signal),
    data: await hashedData({ data: options.data, eval: options.eval }, signal),
  })
  await using trainer = await newTrainer(model, options)
  return await new TrainingRun(run, trainer, options, training).finish()
}

function newTrainer(model: VisionLanguageModel, options: CommonOptions): Promise<Trainer> {
  const { activationCheckpointing, tokensAtOnce, signal } = options
  return createTrainer(model, { activationCheckpointing, tokensAtOnce, signal })
}

class TrainingRun {
  readonly #run: Run
  readonly #trainer: Trainer
  readonly #options: CommonOptions
  readonly #training: Training
  #state: Omit<State, 'schema' | 'metrics' | 'updates'> = { step: 0, evaluated: -1, best: null }
  #saved = 0
  #sinceSave: Metrics[] = []

  constructor(run: Run, trainer: Trainer, options: CommonOptions, training: Training) {
    this.#run = run
    this.#trainer = trainer
    this.#options = options
    this.#training = training
  }

  async finish(): Promise<TrainingResult> {
    const { steps } = this.#training
    for (const name of ['last', 'best']) await restoreDirectory(this.#path(name))
    const before = await readSummary(this.#path(summaryFile))
    if (!before) await this.#train()
    const metrics = await this.#run.records<Metrics>(metricsFile)
    return { steps, metrics, best: before ? before.best : this.#state.best, directory: this.#run.directory }
  }

  async #train(): Promise<void> {
    const { model } = this.#trainer
    const frozen = await hashInEngine(model, frozenNames(model))
    for (const output of [metricsFile, timingsFile, 'last', 'best', resumeDirectory]) await this.#run.addOutput(output)
    const saved = await loadState(this.#path(resumeDirectory), this.#trainer)
    if (saved) this.#state = { step: saved.step, evaluated: saved.evaluated, best: saved.best }
    this.#saved = this.#state.step
    const { records, steps } = this.#training
    this.#options.onStart?.({ done: this.#state.step, steps, records, trainable: model.trainable() })

    const metrics = await LineFile.open(this.#path(metricsFile))
    const timings = await LineFile.open(this.#path(timingsFile))
    try {
      await metrics.truncate(saved?.metrics ?? 0)
      await this.#loop(metrics, timings)
    } finally {
      await metrics.close()
      await timings.close()
    }
    await this.#run.writeJson(frozenFile, await frozenReport(model, frozen, this.#path('last')))
    await this.#run.writeJson(summaryFile, { schema: 1, steps, best: this.#state.best })
    await rm(this.#path(resumeDirectory), { recursive: true, force: true })
  }

  async #loop(metrics: LineFile, timings: LineFile): Promise<void> {
    const { steps } = this.#training
    const { signal, onProgress } = this.#options
    const meter = new ProgressMeter(steps, this.#state.step, 0)
    onProgress?.(meter.now())
    try {
      for (;;) {
        if (this.#due('evalSteps') && this.#state.evaluated < this.#state.step) await this.#measure(metrics)
        if (this.#due('saveSteps') && this.#saved < this.#state.step) await this.#save(metrics)
        if (this.#state.step === steps) return
        if (signal?.aborted) throw error('ERR_ABORTED', 'Aborted', { cause: signal.reason })
        const begun = performance.now()
        const measured = await this.#training.step(this.#state.step, this.#trainer)
        this.#state.step++
        const line = { step: this.#state.step, ...measured }
        await this.#log(metrics, line)
        this.#sinceSave.push(line)
        const seconds = Number(((performance.now() - begun) / 1000).toFixed(3))
        await timings.append([{ step: line.step, seconds }], { sync: false })
        onProgress?.(meter.sampleFinished(false))
      }
    } catch (thrown) {
      if (!(thrown instanceof FrankentorchError && thrown.code === 'ERR_ABORTED')) throw thrown
      await this.#save(metrics)
      const { step } = this.#state
      throw error('ERR_ABORTED', `Stopped after step ${step} of ${steps}; the same command goes on from there`, {
        cause: thrown,
      })
    }
  }

  // After the last step always; before the first only what is measured.
  #due(name: 'evalSteps' | 'saveSteps'): boolean {
    const { step } = this.#state
    const { saveSteps, evalSteps = saveSteps } = this.#options
    if (name === 'evalSteps' && !this.#training.evaluate) return false
    if (step === 0) return name === 'evalSteps'
    return step === this.#training.steps || step % (name === 'evalSteps' ? evalSteps : saveSteps) === 0
  }

  async #log(metrics: LineFile, line: Metrics): Promise<void> {
    await metrics.append([line], { sync: false })
    this.#options.onMetrics?.(line)
  }

  async #measure(metrics: LineFile): Promise<void> {
    const { step } = this.#state
    const { value, metrics: measured } = await this.#training.evaluate!(this.#trainer)
    await this.#log(metrics, { step, ...measured })
    this.#state.evaluated = step
    if (step > 0) await this.#keepIfBest(value)
  }

  async #save(metrics: LineFile): Promise<void> {
    const { merit } = this.#training
    if (merit && this.#sinceSave.length > 0) await this.#keepIfBest(merit(this.#sinceSave))
    const { step } = this.#state
    await saveModel(this.#path('last'), this.#trainer, this.#training.card({ step, best: false }))
    await metrics.sync()
    const state = { ...this.#state, metrics: metrics.end, updates: this.#trainer.updates }
    await saveState(this.#path(resumeDirectory), this.#trainer, state)
    this.#saved = step
    this.#sinceSave = []
  }

  async #keepIfBest(value: number): Promise<void> {
    const { step, best } = this.#state
    if (best && best.value >= value) return
    await saveModel(this.#path('best'), this.#trainer, this.#training.card({ step, best: true }))
    this.#state.best = { step, value }
  }

  #path(name: string): string {
    return join(this.#run.directory, name)
  }
}

async function readSummary(path: string): Promise<{ best: State['best'] } | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as { best: State['best'] })
}

async function hashedModels(
  directories: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<RunConfig['models']> {
  const entries = Object.entries(directories).map(async ([role, path]) => [
    role,
    { path, sha256: await hashCheckpoint(path, signal) },
  ])
  return Object.fromEntries(await Promise.all(entries))
}

async function hashedData(
  files: Record<string, string | undefined>,
  signal: AbortSignal | undefined,
): Promise<RunConfig['data']> {
  const given = Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const entries = given.map(async ([role, path]) => [role, { path, sha256: await hashFile(path, signal) }])
  return Object.fromEntries(await Promise.all(entries))
}
