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

// The first is the dtype an array has when none is named. Half types have no array of their own, so their bits come in a Uint16Array.
const dtypesOfArrays: [name: string, ...dtypes: Dtype[]][] = [
  ['Float64Array', 'float64'],
  ['Float32Array', 'float32'],
  ['BigInt64Array', 'int64'],
  ['Int32Array', 'int32'],
  ['Int16Array', 'int16'],
  ['Int8Array', 'int8'],
  ['Uint8Array', 'uint8', 'bool'],
  ['Uint16Array', 'bfloat16', 'float16'],
]

/** The typed arrays a tensor can be made of. */
export const typedArrays = dtypesOfArrays.map(([name]) => name)

/** The dtypes of the tensors that can be made of `data`, the usual one first; none for anything else. */
export function dtypesOf(data: unknown): readonly Dtype[] {
  const name = Object.prototype.toString.call(data).slice('[object '.length, -1)
  // a Buffer is a Uint8Array by this name
  return (dtypesOfArrays.find(([array]) => array === name)?.slice(1) as Dtype[] | undefined) ?? []
}
