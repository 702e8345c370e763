import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { bytesPerElement } from '../checkpoint/dtypes.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'

export interface Parameter {
  /** In the spelling of points, whatever the checkpoint's is. */
  name: string
  /** In the checkpoint's files. */
  storedName: string
  shape: number[]
  /** In the model. */
  dtype: FloatingDtype
  bytes: number
}

export interface ParameterInfo extends Parameter {
  /** False when it is frozen. */
  trainable: boolean
}

/** Every parameter of a checkpoint that was loaded as `dtype`, in the order of the module tree. */
export function parametersOf({ entries }: Checkpoint, dtype: FloatingDtype): Parameter[] {
  return Array.from(entries.values(), ({ name, storedName, shape }) => ({
    name,
    storedName,
    shape,
    dtype,
    bytes: shape.reduce((product, size) => product * size, bytesPerElement(dtype)),
  }))
}
