/** Element types, by torch's names. */
export const dtypes = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
] as const
export type Dtype = (typeof dtypes)[number]

/** The dtypes a model computes in. */
export const floatingDtypes = ['float64', 'float32', 'float16', 'bfloat16'] as const
export type FloatingDtype = (typeof floatingDtypes)[number]

export type TypedArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array

/** The dtype a typed array has when none is named. */
export function dtypeOf(data: TypedArray): Dtype {
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof BigInt64Array) return 'int64'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof Int16Array) return 'int16'
  if (data instanceof Int8Array) return 'int8'
  if (data instanceof Uint16Array) return 'bfloat16'
  return 'uint8'
}
