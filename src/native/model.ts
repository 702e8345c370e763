import type { Dtype } from '../tensor/dtype.ts'
import type { ParameterSource } from './files.ts'
import type { BatchHandle, CancellationHandle, ModelHandle, TensorHandle } from './handles.ts'
import type { NativeIntervention } from './hooks.ts'
import type { NativeTensor } from './tensors.ts'

export interface NativeInputs {
  inputIds: readonly (readonly number[])[]
  pixelValues?: TensorHandle
  imageGridThw?: readonly (readonly number[])[]
  pixelValuesVideos?: TensorHandle
  videoGridThw?: readonly (readonly number[])[]
  secondPerGridTs?: readonly number[]
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
  /** `passes`: of a sweep, the turns that its rows took. */
  timings: { visionS: number; prefillS: number; decodeS: number; passes?: number }
}

/** A loaded model and what runs it. */
export interface ModelCalls {
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
  /** As the engine computes with it; the same memory. */
  modelParameter(model: ModelHandle, name: string): Promise<NativeTensor>
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
  visionLayout(
    model: ModelHandle,
    gridThw: readonly (readonly number[])[],
  ): { windowIndex: number[]; cuWindowSeqlens: number[] }
}
