import path from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts'
import type { ModelConfig } from '../checkpoint/config.ts'
import type { GenerationConfig } from '../checkpoint/generation-config.ts'
import { error } from '../errors.ts'
import { ResolveOptions, resolveModel } from '../hub/index.ts'
import { abortable, type ModelHandle, type NativeTensor, native, requireNotAborted } from '../native.ts'
import { type FloatingDtype, floatingDtypes } from '../tensor/dtype.ts'
import type { Expression } from '../tensor/expression.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { BatchOptions, DecodeBatch } from './decode-batch.ts'
import { type FreezeOptions, Freezing, type Trainable } from './freezing.ts'
import type { GenerateOptions, Reply } from './generation.ts'
import type { HookCallback } from './hook-callbacks.ts'
import { type Hook, Hooks } from './hooks.ts'
import { checkedGrids, type Inputs, nativeInputs } from './inputs.ts'
import type { CallbackOptions, HookOptions, Intervention } from './interventions.ts'
import { type Parameter, type ParameterInfo, parametersOf } from './parameters.ts'
import type { Message } from './processor/messages.ts'
import { createProcessor, type Processor } from './processor/processor.ts'
import { withInputs } from './prompt.ts'
import type { PointInfo } from './resolve-interventions.ts'
import { selectParameters, selectPoints } from './selectors.ts'
import { type Edit, type EditOptions, type GraftOptions, type SaveOptions, Surgery } from './surgery.ts'
import { type Prefilled, swapPoint } from './swap.ts'
import type { SweepOptions } from './sweep.ts'
import { TextGeneration } from './text-generation.ts'

const LoadOptions = z.strictObject({
  /** `cpu`, `cuda` or `cuda:N`. */
  device: z.string().default('cpu'),
  /** Of weights and arithmetic; default the dtype the checkpoint is stored in. */
  dtype: z.custom<FloatingDtype>().optional(),
  /** How the name of a model on the Hub is resolved: see `resolveModel`. */
  hub: ResolveOptions.omit({ signal: true }).optional(),
  signal: z.instanceof(AbortSignal).optional(),
})
export type LoadOptions = z.input<typeof LoadOptions>

const ForwardOptions = z.strictObject({
  /** Selectors of the points to keep; see `points()`. */
  capture: z.array(z.string()).default([]),
  interventions: z
    .custom<readonly Intervention[]>((value) => Array.isArray(value), 'an array of interventions')
    .default([]),
  /** Keep the graph: logits and captured values are differentiable, and gradients reach the captured values. */
  grad: z.boolean().default(false),
  /** Selectors of parameters that gradients reach as well, with `grad`; frozen ones are left out. */
  parameters: z.array(z.string()).default([]),
  signal: z.instanceof(AbortSignal).optional(),
})
export type ForwardOptions = z.input<typeof ForwardOptions>

export interface ForwardOutput {
  /** [1, tokens, vocabulary] */
  logits: Tensor
  /** [3, 1, tokens] int64: rotary positions in time, height and width */
  positionIds: Tensor
  /** By point name, after the interventions there: [1, tokens, width], or [1, heads, tokens, …] inside attention. */
  captured: Record<string, Tensor>
  /** With `grad`, those asked for, by name: the leaves of this pass over the model's memory, the same for all rows. */
  parameters: Record<string, Tensor>
}

export type { PointInfo, Prefilled }

/**
 * A Qwen2.5-VL (or Qwen2) checkpoint in the engine. All its work runs on one native thread, in the order of the calls; JavaScript only
 * holds promises. Dispose it (`await using`, `dispose()`) to unmap its weights.
 */
export class VisionLanguageModel implements AsyncDisposable {
  /** Absolute path of the checkpoint. */
  readonly directory: string
  readonly config: ModelConfig
  readonly generationConfig: GenerationConfig
  readonly processor: Processor
  readonly dtype: FloatingDtype
  readonly device: string

  readonly #handle: ModelHandle
  readonly #points: readonly PointInfo[]
  readonly #parameters: readonly Parameter[]
  readonly #freezing: Freezing
  readonly #hooks: Hooks
  readonly #generation: TextGeneration
  readonly #surgery: Surgery
  #disposed = false

  private constructor(
    checkpoint: Checkpoint,
    processor: Processor,
    native: { handle: ModelHandle; points: readonly PointInfo[]; dtype: FloatingDtype; device: string },
  ) {
    this.directory = checkpoint.directory
    this.config = checkpoint.config
    this.generationConfig = checkpoint.generationConfig
    this.processor = processor
    this.dtype = native.dtype
    this.device = native.device
    this.#handle = native.handle
    this.#points = native.points
    this.#parameters = parametersOf(checkpoint, native.dtype)
    const context = { config: this.config, points: this.#points, dtype: this.dtype, newTokens: 0 }
    this.#hooks = new Hooks(context)
    this.#generation = new TextGeneration({
      handle: () => this.#live(),
      interventions: context,
      generationConfig: this.generationConfig,
      processor: this.processor,
      hooks: this.#hooks,
      prefill: (inputs, signal) => this.prefill(inputs, { signal }),
    })
    this.#surgery = new Surgery({
      handle: () => this.#live(),
      checkpoint,
      parameters: this.#parameters,
      dtype: native.dtype,
      device: native.device,
    })
    this.#freezing = new Freezing(this.#parameters, checkpoint.config.numHiddenLayers)
  }

  /**
   * Loads a checkpoint directory in the Hugging Face form, or a model of the Hub by its name (`org/name`, `org/name@revision`). On the CPU, weights
   * stored in `dtype` are used where the file is mapped.
   * Rejects with the errors of `resolveModel` and `openCheckpoint`, with `ERR_TOKENIZER`, `ERR_UNKNOWN_DTYPE`, `ERR_UNKNOWN_DEVICE`, `ERR_OUT_OF_MEMORY` or `ERR_ABORTED`.
   */
  static async load(nameOrPath: string, options: LoadOptions = {}): Promise<VisionLanguageModel> {
    const { device, signal, hub, ...rest } = check(LoadOptions, options)
    const named = check(z.enum(floatingDtypes).optional(), rest.dtype, 'options.dtype', 'ERR_UNKNOWN_DTYPE')
    requireNotAborted(signal)
    const checkpoint = await openCheckpoint(await resolveModel(nameOrPath, { ...hub, signal }))
    const dtype = named ?? storedDtype(checkpoint)
    const processor = await createProcessor(checkpoint.directory)
    const files = checkpoint.files.map(({ file, size }) => ({ path: file, size }))
    const index = new Map(files.map((file, i) => [file.path, i]))
    const parameters = Array.from(checkpoint.entries.values(), ({ name, file, dtype, shape, begin }) => ({
      name,
      file: index.get(file)!,
      dtype,
      shape,
      begin,
    }))
    const handle = await abortable(signal, (cancellation) =>
      native().loadModel(checkpoint.config, files, parameters, dtype, device, cancellation),
    )
    const points = await native().modelPoints(handle)
    return new VisionLanguageModel(checkpoint, processor, { handle, points, dtype, device })
  }

  /** Every named point of a forward pass, in the order in which values pass them. */
  points(): PointInfo[] {
    return this.#points.map(({ name, shape }) => ({ name, shape: [...shape] }))
  }

  /** The parameters a selector names, or all, in the order of the module tree. Throws the errors of `freeze`. */
  parameters(selector?: string): ParameterInfo[] {
    const names = this.#parameters.map(({ name }) => name)
    const context = { names, numHiddenLayers: this.config.numHiddenLayers }
    const chosen = new Set(selector === undefined ? names : selectParameters([selector], context))
    return this.#parameters
      .filter(({ name }) => chosen.has(name))
      .map((parameter) => ({
        ...parameter,
        shape: [...parameter.shape],
        trainable: !this.#freezing.isFrozen(parameter.name),
      }))
  }

  /**
   * Keeps training from changing what `selectors` name (a path means everything under it; `early`, `middle`, `late` are the thirds or what `cuts` make of
   * the decoder; `vision`, `projector`, `embeddings`) and returns the names. Throws `ERR_UNKNOWN_PARAMETER`, `ERR_UNKNOWN_LAYER` or `ERR_INVALID_ARGUMENT`.
   */
  freeze(selectors: string | readonly string[], options: FreezeOptions = {}): string[] {
    return this.#freezing.freeze(selectors, options)
  }

  /** Lets training change them again. */
  unfreeze(selectors: string | readonly string[], options: FreezeOptions = {}): string[] {
    return this.#freezing.unfreeze(selectors, options)
  }

  /**
   * A parameter as the model computes with it, without a copy; later changes of the model do not reach it. Rejects with `ERR_UNKNOWN_PARAMETER` or
   * `ERR_DISPOSED`.
   */
  async parameter(name: string): Promise<Tensor> {
    return this.#surgery.parameter(name)
  }

  /**
   * Changes parameters: `await model.edit('language_model.layers.3.mlp.down_proj.weight', (w) => w.lerp(donor, 0.3))`. `change` records, once for each parameter,
   * what becomes of it, in the model's dtype; the result is rounded to that. In-place forms (`w.mul_(0.5)`, also of views) are recorded too. All of them change or,
   * where one fails, none. Returns the names. Rejects with the errors of `freeze`, `ERR_SHAPE_MISMATCH`, `ERR_SYMBOLIC_VALUE`, `ERR_ABORTED` or `ERR_ENGINE`.
   */
  async edit(selectors: string | readonly string[], change: Edit, options: EditOptions = {}): Promise<string[]> {
    return this.#surgery.edit(selectors, change, options)
  }

  /**
   * Takes parameters from a checkpoint, whichever way it spells their names, or from a loaded model. Those of a checkpoint in the model's dtype are used where the file
   * is mapped. Rejects with the errors of `freeze` and `openCheckpoint`, and `ERR_SHAPE_MISMATCH`.
   */
  async graft(
    donor: string | VisionLanguageModel,
    selectors: string | readonly string[],
    options: GraftOptions = {},
  ): Promise<string[]> {
    return this.#surgery.graft(typeof donor === 'string' ? donor : donor.#surgery, selectors, options)
  }

  /** Takes parameters back to what the checkpoint holds: what `selectors` name, or all that was changed. Returns the names. */
  async restore(selectors?: string | readonly string[], options: EditOptions = {}): Promise<string[]> {
    return this.#surgery.restore(selectors, options)
  }

  /**
   * Writes the model as a checkpoint of the same layout, shards, dtypes and side files, which appears when it is complete. What was not changed is copied byte by byte.
   * Returns its absolute path. Rejects with `ERR_OUTPUT` where `directory` exists or does not fit, or with `ERR_ABORTED`.
   */
  async save(directory: string, options: SaveOptions = {}): Promise<string> {
    return this.#surgery.save(directory, options)
  }

  /**
   * For the layers above: a trainer changes these parameters from now on, and only that, until what this returns is called; `save` and `restore` know of them.
   * Throws `ERR_TRAINING` where another one does already.
   */
  claimForTraining(names: readonly string[]): () => void {
    return this.#surgery.claimForTraining(names)
  }

  /** How much of the model training may change, in all and block by block. */
  trainable(): Trainable {
    return this.#freezing.trainable()
  }

  /**
   * Attaches a function of what passes a point, which is recorded now and runs in the engine at every step of `forward`, `generate`, `stream` and rows that join a
   * `batch` from now on, or an intervention: `using h = model.hook('language_model.layers.12', (x) => x.mul(0.5), { positions: 'answer' })`. It sees the whole
   * value [rows, tokens, width] and must keep its shape and dtype; where `positions`, `steps`, `rows` and `heads` do not select, the value stays.
   * Throws `ERR_UNKNOWN_POINT`, `ERR_UNKNOWN_LAYER`, `ERR_SHAPE_MISMATCH`, `ERR_SYMBOLIC_VALUE`, `ERR_INVALID_ARGUMENT` or `ERR_UNKNOWN_OPTION`.
   */
  hook(intervention: Intervention): Hook
  hook(point: string, record: (x: Expression) => Expression, options?: HookOptions): Hook
  hook(what: string | Intervention, record?: (x: Expression) => Expression, options?: HookOptions): Hook {
    this.#live()
    return this.#hooks.attach(what, record, options)
  }

  /**
   * Attaches a function that decides in JavaScript: the engine waits for its promise and meanwhile serves the tensor programs that it awaits. A model's call from
   * inside is `ERR_REENTRANT`; what it throws rejects the call that asked. Slower than `hook` by a crossing for each point and step.
   */
  hookAsync(point: string, callback: HookCallback, options?: CallbackOptions): Hook {
    this.#live()
    return this.#hooks.attachCallback(point, callback, options)
  }

  /** What is attached, in the order in which it acts: before the interventions of a call. */
  hooks(): Hook[] {
    return this.#hooks.list()
  }

  /**
   * The reply to one conversation. Greedy unless `temperature` says otherwise; stop ids and repetition penalty come from generation_config.json.
   * When aborted it rejects with `ERR_ABORTED`, whose `reply` holds what was generated until then (absent while images are still read).
   */
  async generate(prompt: readonly Message[] | Inputs, options: GenerateOptions = {}): Promise<Reply> {
    return this.#generation.generate(prompt, options)
  }

  /** The reply piece by piece, as text that is whole characters. Ending the loop early stops the generation within a token. */
  stream(prompt: readonly Message[] | Inputs, options: GenerateOptions = {}): AsyncGenerator<string, Reply, void> {
    return this.#generation.stream(prompt, options)
  }

  /**
   * The new token ids of every row, the stop token included; with `numReturnSequences: n` those of the n replies to a prompt one after another.
   * When aborted it rejects with `ERR_ABORTED`, whose `tokenIds` are those until then.
   */
  async generateIds(inputs: Inputs, options: GenerateOptions = {}): Promise<number[][]> {
    return this.#generation.generateIds(inputs, options)
  }

  /**
   * The replies to several conversations, decoded together, with `numReturnSequences: n` the n replies to each one after another; timings are
   * those of all of them. When aborted it rejects with `ERR_ABORTED`.
   */
  async generateBatch(inputs: Inputs, options: GenerateOptions = {}): Promise<Reply[]> {
    return this.#generation.generateBatch(inputs, options)
  }

  /** A running batch that conversations may join and leave between steps. Dispose it when done. */
  batch(options: BatchOptions = {}): DecodeBatch {
    return this.#generation.batch(options)
  }

  /** One forward pass over a prompt of one row. Its tensors are the caller's to dispose. */
  async forward(prompt: readonly Message[] | Inputs, options: ForwardOptions = {}): Promise<ForwardOutput> {
    const { signal } = check(ForwardOptions, options)
    this.#live()
    return withInputs(this.processor, prompt, signal, async (inputs) => {
      if (inputs.inputIds?.length !== 1) throw expected('one row (see forwardBatch)', 'inputs', inputs.inputIds)
      return (await this.forwardBatch(inputs, options))[0]!
    })
  }

  /** One forward pass over all rows at once, without padding: one output for each. */
  async forwardBatch(inputs: Inputs, options: ForwardOptions = {}): Promise<ForwardOutput[]> {
    const { capture, interventions, grad, parameters, signal } = check(ForwardOptions, options)
    if (!grad && parameters.length > 0) throw expected('grad: true to go with parameters', 'options', options)
    const handle = this.#live()
    const names = this.#points.map(({ name }) => name)
    const checked = nativeInputs(this.config, inputs)
    const attached = {
      capture: selectPoints(capture, { names, numHiddenLayers: this.config.numHiddenLayers }),
      interventions: this.#hooks.actingOn(inputs, interventions, 0),
      grad,
      parameters: this.#trainableAmong(parameters),
    }
    const rows = await abortable(signal, (cancellation) => native().forward(handle, checked, attached, cancellation))
    return rows.map(({ logits, positionIds, captured, parameters }) => ({
      logits: new Tensor(logits),
      positionIds: new Tensor(positionIds),
      captured: tensorsByName(captured),
      parameters: tensorsByName(parameters),
    }))
  }

  /** For the layers above, which train it; not part of the public API. Throws `ERR_DISPOSED`. */
  get handle(): ModelHandle {
    return this.#live()
  }

  /**
   * The keys (after rotary) and values of every decoder layer over a prompt of one row, as a swap takes them from its source. They are the
   * caller's to dispose; the inputs stay whose they are.
   */
  async prefill(inputs: Inputs, { signal }: { signal?: AbortSignal } = {}): Promise<Prefilled> {
    const handle = this.#live()
    if (inputs.inputIds?.length !== 1) throw expected('one row', 'inputs', inputs.inputIds)
    const checked = nativeInputs(this.config, inputs)
    const attached = this.#hooks.actingOn(inputs, [], 0)
    const { keys, values } = await abortable(signal, (cancellation) =>
      native().prefill(handle, checked, attached, cancellation),
    )
    const named = (tensor: 'key' | 'value', layers: readonly NativeTensor[]) =>
      layers.map((value, layer) => [swapPoint(layer, tensor), new Tensor(value)] as const)
    const keysValues = Object.fromEntries([...named('key', keys), ...named('value', values)])
    const release = () => {
      for (const tensor of Object.values(keysValues)) tensor.dispose()
    }
    return { inputs, keysValues, [Symbol.dispose]: release }
  }

  /**
   * The replies to one conversation under each configuration, a list of interventions; `[]` is the model as it is. The images are encoded and the
   * prompt is read once; rows part from it where their interventions begin, and decode together (docs/sweeps.md). Replies are those of `generate` with
   * the same interventions, up to near-ties of rounding; timings are those of all of them. Rejects with `ERR_ABORTED` when aborted.
   */
  async sweep(
    prompt: readonly Message[] | Inputs,
    configurations: readonly (readonly Intervention[])[],
    options: SweepOptions = {},
  ): Promise<Reply[]> {
    return this.#generation.sweep(prompt, configurations, options)
  }

  /**
   * How much of its attention each group of tokens gives to the `keys`: the probabilities summed over the keys and averaged over the tokens of the
   * group, by layer, group and head. A pass over inputs of one row that holds the probabilities of one layer at a time. Groups must not be empty.
   */
  async attentionMass(
    inputs: Inputs,
    {
      queries,
      keys,
      signal,
    }: { queries: readonly (readonly number[])[]; keys: readonly number[]; signal?: AbortSignal },
  ): Promise<number[][][]> {
    const handle = this.#live()
    if (inputs.inputIds?.length !== 1) throw expected('one row', 'inputs', inputs.inputIds)
    const Positions = z
      .array(
        z
          .int()
          .min(0)
          .max(inputs.inputIds[0]!.length - 1),
      )
      .min(1)
    const places = { queries: check(z.array(Positions), queries, 'queries'), keys: check(Positions, keys, 'keys') }
    const checked = nativeInputs(this.config, inputs)
    return abortable(signal, (cancellation) => native().attentionMass(handle, checked, places, cancellation))
  }

  /** How the vision tower reorders merge cells into windows: the cell at each place, and patch counts up to each window's end. */
  visionLayout(gridThw: readonly (readonly number[])[]): { windowIndex: number[]; cuWindowSeqlens: number[] } {
    return native().visionLayout(this.#live(), checkedGrids(this.config, gridThw))
  }

  /** Releases the weights once the work queued before is done. Later calls reject with `ERR_DISPOSED`. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#hooks.dispose()
    await native().disposeModel(this.#handle)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #live(): ModelHandle {
    if (this.#disposed) throw error('ERR_DISPOSED', `The model ${path.basename(this.directory)} was disposed`)
    return this.#handle
  }

  #trainableAmong(selectors: readonly string[]): string[] {
    const names = this.#parameters.map(({ name }) => name)
    const selected = selectParameters(selectors, { names, numHiddenLayers: this.config.numHiddenLayers })
    return selected.filter((name) => !this.#freezing.isFrozen(name))
  }
}

function tensorsByName(tensors: Record<string, NativeTensor>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, new Tensor(value)]))
}

function storedDtype({ entries, directory }: Checkpoint): FloatingDtype {
  const { dtype } = entries.get('language_model.embed_tokens.weight')!
  const floating = floatingDtypes.find((known) => known === dtype)
  if (!floating)
    throw error('ERR_UNKNOWN_DTYPE', `${directory}: expected floating point weights but the embedding is ${dtype}`)
  return floating
}
