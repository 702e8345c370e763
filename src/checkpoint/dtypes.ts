import { error } from '../errors.ts'
import type { Dtype } from '../tensor/dtype.ts'

/** The element types a checkpoint may hold, by the name the safetensors header gives them. */
const stored = {
  F64: { dtype: 'float64', bytes: 8 },
  F32: { dtype: 'float32', bytes: 4 },
  F16: { dtype: 'float16', bytes: 2 },
  BF16: { dtype: 'bfloat16', bytes: 2 },
  I64: { dtype: 'int64', bytes: 8 },
  I32: { dtype: 'int32', bytes: 4 },
  I16: { dtype: 'int16', bytes: 2 },
  I8: { dtype: 'int8', bytes: 1 },
  U8: { dtype: 'uint8', bytes: 1 },
  BOOL: { dtype: 'bool', bytes: 1 },
} as const satisfies Record<string, { dtype: Dtype; bytes: number }>

/** safetensors' own order: within one alignment its library sorts by this rank, highest first. */
const rank = ['BOOL', 'U8', 'I8', 'I16', 'F16', 'BF16', 'I32', 'F32', 'F64', 'I64'] as const

type StoredName = keyof typeof stored

const byDtype = new Map<Dtype, { name: string; bytes: number }>(
  Object.entries(stored).map(([name, { dtype, bytes }]) => [dtype, { name, bytes }]),
)

/** The dtype a safetensors header calls `name`; `where` (file and entry) begins the message of `ERR_UNKNOWN_DTYPE`. */
export function dtypeNamed(name: string, where: string): Dtype {
  if (Object.hasOwn(stored, name)) return stored[name as StoredName].dtype
  throw error(
    'ERR_UNKNOWN_DTYPE',
    `${where}: expected dtype ${Object.keys(stored).join(', ')} but found '${name}' (convert the checkpoint first)`,
  )
}

/** Bytes of one element. */
export function bytesPerElement(dtype: Dtype): number {
  return byDtype.get(dtype)!.bytes
}

/** The safetensors name of a dtype, `F32` for `float32`. */
export function safetensorsName(dtype: Dtype): string {
  return byDtype.get(dtype)!.name
}

/** Position in the order in which safetensors writes dtypes; larger comes first in a file. */
export function writingRank(dtype: Dtype): number {
  return (rank as readonly string[]).indexOf(safetensorsName(dtype))
}
