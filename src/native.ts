import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { error, FrankentorchError, isErrorCode, messageOf } from './errors.ts'
import { currentHost, linkerRemedy, requireHost } from './libtorch/host.ts'
import { locateLibtorch } from './libtorch/locate.ts'
import { openLibtorch } from './libtorch/open.ts'
import { addonRequirements, repairCommand, root } from './libtorch/stub.ts'
import type { Dtype, TypedArray } from './tensor/dtype.ts'

// Opaque handles: what they hold lives in C++.
declare const brand: unique symbol
export type TensorHandle = { readonly [brand]: 'tensor' }
export type ModelHandle = { readonly [brand]: 'model' }
export type BatchHandle = { readonly [brand]: 'batch' }
export type MappedFileHandle = { readonly [brand]: 'mapped file' }
export type ProgramHandle = { readonly [brand]: 'program' }
export type TrainerHandle = { readonly [brand]: 'trainer' }
export type CancellationHandle = { readonly [brand]: 'cancellation' }

export interface NativeTensor {
  handle: TensorHandle
  shape: number[]
  dtype: Dtype
  device: string
  requiresGrad?: boolean
}

/** A program in the flat form of cpp/tensor/program_code.h. */
export interface NativeProgram {
  code: Float64Array
  tensors: TensorHandle[]
  strings: string[]
}

/** Null where the operator gave no tensor. */
export type NativeResult = NativeTensor | NativeTensor[] | number | boolean | null

/** A parameter in one of the mapped files; `begin` is an absolute byte offset. */
export interface ParameterSource {
  name: string
  file: number
  dtype: Dtype
  shape: readonly number[]
  begin: number
}

export interface NativeInputs {
  inputIds: readonly (readonly number[])[]
  pixelValues?: TensorHandle
  imageGridThw?: readonly (readonly number[])[]
  pixelValuesVideos?: TensorHandle
  videoGridThw?: readonly (readonly number[])[]
  secondPerGridTs?: readonly number[]
}

/** An image (one frame) or a video of 8-bit RGB frames, and the size that they get. */
export interface NativeVisual {
  frames: readonly NativePicture[]
  height: number
  width: number
}

export interface NativePicture {
  data: Uint8Array
  width: number
  height: number
}

export interface NativePatchOptions {
  patchSize: number
  temporalPatchSize: number
  mergeSize: number
  rescaleFactor: number
  imageMean: readonly number[]
  imageStd: readonly number[]
}

export interface NativeSwap {
  kind: 'swap'
  point: string
  source: TensorHandle
  positions: readonly number[]
  sourcePositions: readonly number[]
  resample: boolean
  append: boolean
}

/** Rows count within the call; inside the vision tower there is one, 0. */
export interface NativeChange {
  kind: 'zero' | 'add' | 'replace' | 'scale' | 'noise' | 'skip'
  point: string
  steps: 'prefill' | 'decode' | 'all'
  rows: readonly NativePositions[]
  heads?: readonly number[]
  tensor?: TensorHandle
  /** The tensor's, as long as the value's. */
  shape?: readonly number[]
  factor?: number
  standardDeviation?: number
  seed?: number
}

/** Tokens of a row by absolute position: all from `first` on, or `positions`, for which the tensor may have `sources`. */
export interface NativePositions {
  row: number
  first?: number
  positions?: readonly number[]
  sources?: readonly number[]
  /** What tells its random draws from another row's. */
  sample?: number
}

/** A recorded program of one tensor, whose random draws depend on the seed and on each row's `sample`. */
export interface NativeRecorded extends Omit<NativeChange, 'kind'> {
  kind: 'program'
  program: ProgramHandle
  seed: number
}

/** A function of JavaScript, by the number it was registered with. */
export interface NativeCallback extends Omit<NativeChange, 'kind'> {
  kind: 'callback'
  callback: number
}

export type NativeIntervention = NativeSwap | NativeChange | NativeRecorded | NativeCallback

/** Whose value waits for an answer. */
export interface NativeQuestion {
  /** What the answer names. */
  question: number
  callback: number
  value: NativeTensor
  point: string
  prefill: boolean
  /** Absolute position of the first token of the value. */
  firstToken: number
  /** Of the call; empty inside the vision tower, which runs for all. */
  rows: number[]
}

export interface NativeRowOptions {
  maxNewTokens: number
  stopIds: readonly number[]
  temperature: number
  topP: number
  topK: number
  repetitionPenalty: number
  seed: number
}

/** Where a row of a sweep parts from the prompt as the model reads it; `layer` is the number of layers where it does not. */
export interface NativeSweepRow {
  options: NativeRowOptions
  layer: number
  token: number
  swap?: { source: number; layers: readonly number[]; keys: boolean; values: boolean; recurs: boolean }
}

/** Keys and values by layer over the whole source prompt; undefined for layers that no row swaps. */
export interface NativeSwapSource {
  keys: readonly (TensorHandle | undefined)[]
  values: readonly (TensorHandle | undefined)[]
  positions: readonly number[]
  resample: boolean
}

export interface NativeSweep {
  /** Positions of the image tokens of the prompt. */
  image: readonly number[]
  sources: readonly NativeSwapSource[]
  rows: readonly NativeSweepRow[]
  interventions: readonly NativeIntervention[]
  /** 0 sets no bound. */
  maxBytes: number
}

export interface NativeForwardRow {
  logits: NativeTensor
  positionIds: NativeTensor
  captured: Record<string, NativeTensor>
  parameters: Record<string, NativeTensor>
}

/** A new token of a row of a batch; `finishReason` with its last. */
export interface Emitted {
  row: number
  token: number
  finishReason?: 'stop' | 'length'
}

export interface NativeReplies {
  rows: { tokenIds: number[]; finishReason: 'stop' | 'length' | 'aborted' }[]
  timings: { visionS: number; prefillS: number; decodeS: number }
}

/** Rows that are one pass of training, of one row each, and text that goes on from them; what to learn of each sequence. */
export interface NativeSequences {
  rows: readonly NativeInputs[]
  continuations?: readonly { row: number; ids: readonly number[] }[]
  /** Of each continuation, or without any of each row: the tokens whose probability is wanted. */
  targets: readonly (readonly number[])[]
}

export type TrainedPart = 'value' | 'gradient' | 'expAvg' | 'expAvgSq'

/** What binding/ exports. Everything that computes returns a promise; nothing here waits. */
export interface Native {
  readonly torchVersion: string
  createCancellation(): CancellationHandle
  cancel(cancellation: CancellationHandle): void
  setNumThreads(threads: number): Promise<number>
  numThreads(): Promise<number>

  tensorFromData(data: TypedArray, dtype: Dtype, shape: readonly number[]): NativeTensor
  tensorData(tensor: TensorHandle): Promise<TypedArray>
  tensorBytes(tensor: TensorHandle): Promise<Uint8Array>
  disposeTensor(tensor: TensorHandle): void
  memory(): { tensors: number; bytes: number; models: number }

  cudaDeviceCount(): number
  cudaMemory(
    device: string,
  ): Promise<{ allocated: number; peakAllocated: number; reserved: number; free: number; total: number }>
  cudaEmptyCache(): Promise<void>

  /** Fills `bytes` in place with draws `first`, … (a multiple of 4) of a normal stream; leave the buffer alone until then. */
  fillNormal(
    bytes: Uint8Array,
    dtype: Dtype,
    seed: number,
    stream: number,
    standardDeviation: number,
    first: number,
  ): Promise<void>

  mapFile(path: string, size: number): MappedFileHandle
  unmapFile(file: MappedFileHandle): void
  /** Over the file's bytes from `begin` on; not copied. */
  mappedTensor(file: MappedFileHandle, dtype: Dtype, shape: readonly number[], begin: number): NativeTensor
  /** Copies a stretch of an open file into another, on a worker thread. Gives the place of the first number that is not finite. */
  copyNumbers(
    source: number,
    begin: number,
    length: number,
    target: number,
    offset: number,
    dtype: Dtype,
    cancellation?: CancellationHandle,
  ): Promise<number | null>
  /** The same for the elements of a contiguous tensor. */
  writeNumbers(
    tensor: TensorHandle,
    target: number,
    offset: number,
    cancellation?: CancellationHandle,
  ): Promise<number | null>

  /** One schema a line; a program names an operator by its line. */
  operatorSchemas(): string
  createProgram(program: NativeProgram): ProgramHandle
  disposeProgram(program: ProgramHandle): void
  /** The tensors it owns, in the order of its code. */
  programTensors(program: ProgramHandle): NativeTensor[]
  /** What its results would be; nothing is computed. */
  dryRunProgram(
    program: ProgramHandle,
    shapes: readonly (readonly number[])[],
    dtype: Dtype,
  ): ({ shape: number[]; dtype: Dtype } | undefined)[]
  runProgram(
    program: NativeProgram | ProgramHandle,
    inputs: readonly TensorHandle[],
    cancellation?: CancellationHandle,
  ): Promise<NativeResult[]>

  /** Who answers for callbacks among the hooks. */
  onQuestion(answer: (question: NativeQuestion) => void): void
  /** The tensor to go on with, none to leave the value as it is, or that the callback failed. False when nobody waits any more. */
  answer(question: number, result: TensorHandle | undefined, failed: boolean): boolean

  /** From here on, or no longer, counts the operations that the engine dispatches, by name; gives what was counted. For tests and bench. */
  countOperations(on: boolean): Promise<Record<string, number>>
  /** How often work or words have crossed between JavaScript and engine. */
  crossings(): number

  preprocessImages(visuals: readonly NativeVisual[], options: NativePatchOptions): Promise<NativeTensor>
  resizeImage(image: NativePicture, width: number, height: number, filter: 'bicubic' | 'lanczos'): Promise<Uint8Array>

  loadModel(
    config: object,
    files: readonly { path: string; size: number }[],
    parameters: readonly ParameterSource[],
    dtype: Dtype,
    device: string,
    cancellation?: CancellationHandle,
  ): Promise<ModelHandle>
  disposeModel(model: ModelHandle): Promise<void>
  /** All of them or, where one does not fit, none. */
  setParameters(
    model: ModelHandle,
    names: readonly string[],
    values: readonly TensorHandle[],
    cancellation?: CancellationHandle,
  ): Promise<void>
  modelPoints(model: ModelHandle): Promise<{ name: string; shape: number[] }[]>
  forward(
    model: ModelHandle,
    inputs: NativeInputs,
    options: {
      capture: readonly string[]
      interventions: readonly NativeIntervention[]
      grad: boolean
      parameters: readonly string[]
    },
    cancellation?: CancellationHandle,
  ): Promise<NativeForwardRow[]>
  generate(
    model: ModelHandle,
    inputs: NativeInputs,
    rows: readonly NativeRowOptions[],
    options: { interventions: readonly NativeIntervention[] },
    cancellation?: CancellationHandle,
    onToken?: (row: number, token: number) => void,
  ): Promise<NativeReplies>
  /** Keys and values of a prompt of one row, by layer: [1, kv_heads, tokens, head_dim]. */
  prefill(
    model: ModelHandle,
    inputs: NativeInputs,
    interventions: readonly NativeIntervention[],
    cancellation?: CancellationHandle,
  ): Promise<{ keys: NativeTensor[]; values: NativeTensor[] }>
  sweep(
    model: ModelHandle,
    inputs: NativeInputs,
    sweep: NativeSweep,
    cancellation?: CancellationHandle,
  ): Promise<NativeReplies>
  /** Mean attention of groups of query tokens to the keys, by layer, group and head. */
  attentionMass(
    model: ModelHandle,
    inputs: NativeInputs,
    options: { queries: readonly (readonly number[])[]; keys: readonly number[] },
    cancellation?: CancellationHandle,
  ): Promise<number[][][]>
  createBatch(model: ModelHandle): BatchHandle
  batchJoin(
    batch: BatchHandle,
    inputs: NativeInputs,
    rows: readonly NativeRowOptions[],
    options: { interventions: readonly NativeIntervention[] },
    cancellation?: CancellationHandle,
  ): Promise<Emitted[]>
  batchStep(batch: BatchHandle, leaving: readonly number[]): Promise<Emitted[]>
  disposeBatch(batch: BatchHandle): Promise<void>
  /** As the engine computes with it; the same memory. */
  modelParameter(model: ModelHandle, name: string): Promise<NativeTensor>
  createTrainer(
    model: ModelHandle,
    names: readonly string[],
    options: { recompute: boolean },
    cancellation?: CancellationHandle,
  ): Promise<TrainerHandle>
  disposeTrainer(trainer: TrainerHandle): Promise<void>
  trainerLogprobs(
    trainer: TrainerHandle,
    parts: readonly NativeSequences[],
    options: { temperature: number },
    cancellation?: CancellationHandle,
  ): Promise<{ logprobs: NativeTensor; entropy: NativeTensor }>
  trainerAccumulate(
    trainer: TrainerHandle,
    parts: readonly NativeSequences[],
    program: NativeProgram,
    inputs: readonly TensorHandle[],
    options: { temperature: number; linear: boolean },
    cancellation?: CancellationHandle,
  ): Promise<NativeResult[]>
  trainerWithoutGradient(trainer: TrainerHandle): Promise<string[]>
  trainerUpdate(
    trainer: TrainerHandle,
    options: { lr: number; beta1: number; beta2: number; eps: number; weightDecay: number; maxGradNorm?: number },
  ): Promise<number>
  trainerZeroGradients(trainer: TrainerHandle): Promise<void>
  trainerGet(trainer: TrainerHandle, name: string, part: TrainedPart): Promise<NativeTensor | null>
  trainerSet(trainer: TrainerHandle, name: string, part: TrainedPart, value: TensorHandle): Promise<void>
  trainerSetSteps(trainer: TrainerHandle, steps: number): Promise<void>
  visionLayout(
    model: ModelHandle,
    gridThw: readonly (readonly number[])[],
  ): { windowIndex: number[]; cuWindowSeqlens: number[] }
}

/** Holds the point while a hook's callback runs: the engine waits for it and serves tensor programs alone. */
export const insideCallback = new AsyncLocalStorage<string>()

const failures = new Map<number, unknown>()

/** Keeps what a callback threw for the call that waits for its answer; returns what forgets it. */
export function rememberFailure(question: number, thrown: unknown): () => void {
  failures.set(question, thrown)
  return () => failures.delete(question)
}

let loaded: Native | undefined

/** The addon, loaded at the first call together with libtorch. Throws `ERR_PLATFORM`, `ERR_LIBTORCH_NOT_FOUND`, `ERR_LIBTORCH_VERSION` or `ERR_ADDON`. */
export function native(): Native {
  loaded ??= load()
  return loaded
}

/** Throws `ERR_ABORTED` where `signal` has fired already. */
export function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw error('ERR_ABORTED', 'The work was aborted before it began', { cause: signal.reason })
}

/** Work that `signal` aborts: gives `work` a cancellation to pass on, and cancels it when the signal fires. */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  work: (cancellation: CancellationHandle | undefined) => Promise<T>,
): Promise<T> {
  if (!signal) return work(undefined)
  requireNotAborted(signal)
  const cancellation = native().createCancellation()
  const cancel = () => native().cancel(cancellation)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await work(cancellation)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

function load(): Native {
  requireHost(currentHost(), addonRequirements())
  openLibtorch(locateLibtorch())
  try {
    const find = createRequire(import.meta.url)('node-gyp-build') as (directory: string) => Native
    return translated(find(root))
  } catch (cause) {
    const words = messageOf(cause)
    const remedy = linkerRemedy(words) || `Run: ${repairCommand()}`
    throw error('ERR_ADDON', `The addon could not be loaded: ${words}. ${remedy}`, { cause })
  }
}

// Native errors are bare; what leaves here has its class, and the stack of the call.
function translated(addon: Native): Native {
  const wrapped: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(addon)) {
    wrapped[name] =
      typeof value === 'function' ? translatedFunction(name, value as (...args: unknown[]) => unknown) : value
  }
  return wrapped as unknown as Native
}

// Anything else would wait in the engine's queue behind the very call whose callback this is.
const servedInsideCallbacks: ReadonlySet<string> = new Set([
  'runProgram',
  'tensorData',
  'tensorBytes',
  'tensorFromData',
  'disposeTensor',
  'memory',
  'createProgram',
  'disposeProgram',
  'programTensors',
  'dryRunProgram',
  'operatorSchemas',
  'createCancellation',
  'cancel',
  'answer',
  'onQuestion',
  'crossings',
])

function translatedFunction(name: string, call: (...args: unknown[]) => unknown) {
  const refused = !servedInsideCallbacks.has(name)
  return (...args: unknown[]) => {
    const point = refused ? insideCallback.getStore() : undefined
    if (point !== undefined)
      throw error(
        'ERR_REENTRANT',
        `${name} was called from a hook's callback at ${point}, while the engine waits for it: only tensor programs are served there`,
      )
    try {
      const result = call(...args)
      return result instanceof Promise ? settled(result) : result
    } catch (thrown) {
      throw translatedError(thrown)
    }
  }
}

// `await` rather than `catch()`: the error made here then carries the frames of the callers that wait.
async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (thrown) {
    throw translatedError(thrown)
  }
}

function translatedError(thrown: unknown): unknown {
  if (thrown instanceof FrankentorchError || !(thrown instanceof Error)) return thrown
  const { code, detail } = thrown as { code?: unknown; detail?: unknown }
  if (code === 'ERR_CALLBACK') {
    const question = Number(detail)
    const own = failures.get(question)
    failures.delete(question)
    return own
  }
  return isErrorCode(code) ? error(code, thrown.message, { cause: thrown }) : thrown
}
