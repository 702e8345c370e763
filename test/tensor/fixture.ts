import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Dtype, TypedArray } from '../../src/tensor/dtype.ts'
import { all } from '../../src/tensor/evaluate.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { device } from '../device.ts'

export interface TensorFixture {
  dtype: Dtype
  shape: number[]
  /** The elements as stored, in base64. */
  data: string
}
export type Fixture =
  | TensorFixture
  | { tensor: number }
  | { int: string }
  | { float: string }
  | null
  | boolean
  | number
  | string
export type Nested<T> = T | Nested<T>[]
export interface Case {
  op: string
  args: Nested<Fixture>[]
  kwargs: Record<string, Nested<Fixture>>
  result: Nested<Fixture>
  /** Eigenvectors and the like. */
  upToSign?: boolean
}

/** What scripts/fixtures_operators.py wrote: values of Python torch. */
export const fixtures = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/operators.json', import.meta.url)), 'utf8'),
) as {
  tensors: TensorFixture[]
  cases: Case[]
  mlp: { inputs: TensorFixture[]; loss: TensorFixture; gradients: TensorFixture[]; penaltyGradients: TensorFixture[] }
}

const arrays: Partial<Record<Dtype, new (buffer: ArrayBuffer) => TypedArray>> = {
  float64: Float64Array,
  complex128: Float64Array,
  float32: Float32Array,
  complex64: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  bfloat16: Uint16Array,
  float16: Uint16Array,
  uint16: Uint16Array,
}

export function made({ dtype, shape, data }: TensorFixture): Tensor {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'))
  return tensor(new (arrays[dtype] ?? Uint8Array)(bytes.buffer), shape, dtype)
}

/** The tensors where FRANKENTORCH_TEST_DEVICE says. */
export function onDevice(tensors: readonly Tensor[]): Promise<Tensor[]> {
  return all(tensors.map((each) => each.to(device)))
}

export type Comparison = 'values' | 'up to sign' | 'shape'

/** Integers and truth values must be equal, floats to 1e-5 of the largest magnitude (1e-2 where they have 16 bits or fewer). */
export async function expectTensor(
  actual: Tensor,
  wanted: TensorFixture,
  comparison: Comparison = 'values',
): Promise<void> {
  expect([actual.dtype, actual.shape]).toEqual([wanted.dtype, wanted.shape])
  if (comparison === 'shape') return
  const [found, known] = await Promise.all([actual.data(), made(wanted).data()])
  const numbers = (data: TypedArray) => Array.from(data as ArrayLike<number | bigint>, Number)
  const largest = Math.max(0, ...numbers(known).filter(Number.isFinite).map(Math.abs))
  const narrow = /^(float16|bfloat16|float8)/.test(wanted.dtype)
  const tolerance = /^(float|bfloat|complex)/.test(wanted.dtype) ? (narrow ? 1e-2 : 1e-5) * largest : 0
  for (let i = 0; i < known.length; i++) {
    const [a, b] = [Number(found[i]), Number(known[i])].map((x) => (comparison === 'up to sign' ? Math.abs(x) : x)) as [
      number,
      number,
    ]
    const equal =
      tolerance === 0 ? found[i] === known[i] || Object.is(a, b) : Math.abs(a - b) <= tolerance || Object.is(a, b)
    if (!equal) throw new Error(`element ${i}: ${found[i]}, not ${known[i]}`)
  }
}
