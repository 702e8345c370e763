import type { Dtype, TypedArray } from '../tensor/dtype.ts'
import type { CancellationHandle, ProgramHandle, TensorHandle } from './handles.ts'

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

/** Tensors, and the programs that compute with them. */
export interface TensorCalls {
  tensorFromData(data: TypedArray, dtype: Dtype, shape: readonly number[]): NativeTensor
  tensorData(tensor: TensorHandle): Promise<TypedArray>
  tensorBytes(tensor: TensorHandle): Promise<Uint8Array>
  disposeTensor(tensor: TensorHandle): void
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
}
