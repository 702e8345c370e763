import type { CancellationHandle, ModelHandle, TensorHandle, TrainerHandle } from './handles.ts'
import type { NativeInputs } from './model.ts'
import type { NativeProgram, NativeResult, NativeTensor } from './tensors.ts'

/** Rows that are one pass of training, of one row each, and text that goes on from them; what to learn of each sequence. */
export interface NativeSequences {
  rows: readonly NativeInputs[]
  continuations?: readonly { row: number; ids: readonly number[] }[]
  /** Of each continuation, or without any of each row: the tokens whose probability is wanted. */
  targets: readonly (readonly number[])[]
}

export type TrainedPart = 'value' | 'gradient' | 'expAvg' | 'expAvgSq'

/** A trainer of some parameters of a model. */
export interface TrainingCalls {
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
}
