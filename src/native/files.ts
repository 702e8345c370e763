import type { Dtype } from '../tensor/dtype.ts'
import type { CancellationHandle, MappedFileHandle, TensorHandle } from './handles.ts'
import type { NativeTensor } from './tensors.ts'

/** A parameter in one of the mapped files; `begin` is an absolute byte offset. */
export interface ParameterSource {
  name: string
  file: number
  dtype: Dtype
  shape: readonly number[]
  begin: number
}

/** Numbers in files, mapped, copied, written and drawn. */
export interface FileCalls {
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
}
