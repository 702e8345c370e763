import type { ProgramHandle, TensorHandle } from './handles.ts'
import type { NativeTensor } from './tensors.ts'

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

/** What a callback among the hooks is asked and answers. */
export interface HookCalls {
  /** Who answers for callbacks among the hooks. */
  onQuestion(answer: (question: NativeQuestion) => void): void
  /** The tensor to go on with, none to leave the value as it is, or that the callback failed. False when nobody waits any more. */
  answer(question: number, result: TensorHandle | undefined, failed: boolean): boolean
}
