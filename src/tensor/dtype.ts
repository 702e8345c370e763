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
  'uint64',
  'uint32',
  'uint16',
  'complex128',
  'complex64',
  'float8_e4m3fn',
  'float8_e5m2',
  'float8_e4m3fnuz',
  'float8_e5m2fnuz',
  'float8_e8m0fnu',
] as const
export type Dtype = (typeof dtypes)[number]

export function isDtype(value: unknown): value is Dtype {
  return (dtypes as readonly unknown[]).includes(value)
}

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
  | Uint32Array
  | BigUint64Array

// The first is the dtype an array has when none is named. Types of 16 and 8 bits without an array of their own come as their bits, complex
// numbers as pairs of real and imaginary part.
const dtypesOfArrays: [name: string, ...dtypes: Dtype[]][] = [
  ['Float64Array', 'float64', 'complex128'],
  ['Float32Array', 'float32', 'complex64'],
  ['BigInt64Array', 'int64'],
  ['Int32Array', 'int32'],
  ['Int16Array', 'int16'],
  ['Int8Array', 'int8'],
  [
    'Uint8Array',
    'uint8',
    'bool',
    'float8_e4m3fn',
    'float8_e5m2',
    'float8_e4m3fnuz',
    'float8_e5m2fnuz',
    'float8_e8m0fnu',
  ],
  ['Uint16Array', 'bfloat16', 'float16', 'uint16'],
  ['Uint32Array', 'uint32'],
  ['BigUint64Array', 'uint64'],
]

/** The typed arrays a tensor can be made of. */
export const typedArrays = dtypesOfArrays.map(([name]) => name)

/** The dtypes of the tensors that can be made of `data`, the usual one first; none for anything else. */
export function dtypesOf(data: unknown): readonly Dtype[] {
  const name = Object.prototype.toString.call(data).slice('[object '.length, -1)
  // a Buffer is a Uint8Array by this name
  return (dtypesOfArrays.find(([array]) => array === name)?.slice(1) as Dtype[] | undefined) ?? []
}

/** Real and imaginary part make two numbers of a typed array. */
export function isComplex(dtype: Dtype): boolean {
  return dtype === 'complex64' || dtype === 'complex128'
}
