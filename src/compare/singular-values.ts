import { evaluate } from '../tensor/evaluate.ts'
import type { Expression } from '../tensor/expression.ts'
import { ops } from '../tensor/ops.ts'
import { recordOwn } from '../tensor/record.ts'
import type { Tensor } from '../tensor/tensor.ts'

export const spectrumMethods = ['exact', 'gram', 'randomized', 'auto'] as const
export type SpectrumMethod = (typeof spectrumMethods)[number]

/** The singular values of a matrix, and where asked for its leading singular vectors. */
export interface Decomposition {
  method: Exclude<SpectrumMethod, 'auto'>
  /** Descending. Of the randomized method only the first `topk`. */
  values: Float64Array
  /** The first `topk` left and right singular vectors as columns; absent where they were not asked for. */
  vectors?: { left: Tensor; right: Tensor }
}

export interface DecompositionOptions {
  method: Exclude<SpectrumMethod, 'auto'>
  topk: number
  vectors: boolean
  signal?: AbortSignal
}

// Below it an exact decomposition takes no longer than a product.
const smallSide = 256

/** `auto`: gram, and exact for small matrices. The randomized method, which sees a part of the spectrum, is chosen by name alone. */
export function chosenMethod(method: SpectrumMethod, [rows, columns]: readonly [number, number]) {
  if (method !== 'auto') return method
  return Math.min(rows, columns) <= smallSide ? 'exact' : 'gram'
}

/** Decomposes `delta` [rows, columns], float32 or float64. */
export async function decompose(delta: Tensor, options: DecompositionOptions): Promise<Decomposition> {
  const { method, signal } = options
  const [rows, columns] = delta.shape as [number, number]
  const recorded = { exact, gram, randomized }[method](delta, rows, columns, options)
  const { values, ...vectors } = await evaluate<Recorded>(recorded, { signal })
  using _values = values
  const numbers = Float64Array.from((await values.data()) as Float32Array | Float64Array)
  const found = vectors as { left?: Tensor; right?: Tensor }
  return {
    method,
    values: numbers,
    ...(found.left && found.right ? { vectors: { left: found.left, right: found.right } } : {}),
  }
}

/** All singular values in float64, whatever the dtype of `delta`. */
export async function exactValues(delta: Tensor, signal?: AbortSignal): Promise<Float64Array> {
  using values = await evaluate<Expression>(double(delta).linalg_svdvals(), { signal })
  return (await values.data()) as Float64Array
}

interface Recorded {
  values: Expression
  left?: Expression
  right?: Expression
}

type Decompose = (delta: Tensor, rows: number, columns: number, options: DecompositionOptions) => Recorded

/** LAPACK's singular value decomposition in the dtype of the matrix: within 1e-5 σ₁ in float32. */
const exact: Decompose = (delta, rows, columns, { topk, vectors }) => {
  if (!vectors) return { values: delta.linalg_svdvals() }
  const k = Math.min(topk, rows, columns)
  const { U, S, Vh } = delta.linalg_svd(false)
  return { values: S, left: U.narrow(1, 0, k), right: Vh.narrow(0, 0, k).t() }
}

// So many stretches of columns that the products above the diagonal, which are left out, are nearly half of the work.
const stretches = 8

/**
 * Square roots of the eigenvalues of DᵀD, or of DDᵀ where D is wide, in float64: half to a quarter of the time of a singular value
 * decomposition. Values above 1e-6 σ₁ are within 1e-9 σ₁, smaller ones within 3e-8 σ₁: the product squares the condition number.
 */
const gram: Decompose = (delta, rows, columns, { topk, vectors }) => {
  const wide = rows < columns
  const d = wide ? double(delta).t() : double(delta)
  const side = Math.min(rows, columns)
  const width = Math.ceil(side / stretches)
  const starts = Array.from({ length: Math.ceil(side / width) }, (_, i) => i * width)
  // eigh reads the lower triangle alone
  const lower = starts.map((begin) => {
    const end = Math.min(begin + width, side)
    const product = d
      .narrow(1, begin, end - begin)
      .t()
      .matmul(d.narrow(1, 0, end))
    return product.constant_pad_nd([0, side - end])
  })
  const product = lower.length === 1 ? lower[0]! : ops.cat(lower)
  if (!vectors) return { values: roots(product.linalg_eigvalsh()) }
  const k = Math.min(topk, side)
  const { eigenvalues, eigenvectors } = product.linalg_eigh()
  const values = roots(eigenvalues)
  const own = eigenvectors.narrow(1, side - k, k).flip([1])
  const other = d.matmul(own).div(values.narrow(0, 0, k).clamp_min(1e-300))
  return wide ? { values, left: own, right: other } : { values, left: other, right: own }
}

// Directions beyond the ones wanted, which make those that are wanted more exact.
const oversampling = 10
const drawSeed = 2602_12395

/**
 * Randomized range finder with one power iteration (Halko, Martinsson, Tropp, 2011, arXiv 0909.4061) in float32: the leading `topk` values
 * alone. Exact to a few 1e-6 where the spectrum decays, up to a tenth too small where its tail is flat.
 */
const randomized: Decompose = (delta, rows, columns, { topk, vectors }) => {
  const k = Math.min(topk, rows, columns)
  const samples = Math.min(topk + oversampling, rows, columns)
  const d = delta.to('float32') as Expression
  const draws = recordOwn('normal', [ops.empty([columns, samples]), drawSeed, 0]) as Expression
  const first = orthonormal(d.matmul(draws))
  const back = orthonormal(d.t().matmul(first))
  const basis = orthonormal(d.matmul(back))
  const inside = basis.t().matmul(d)
  // B Bᵀ is small: its eigenvectors cost less than a decomposition of B
  const { eigenvalues, eigenvectors } = double(inside.matmul(inside.t())).linalg_eigh()
  const values = roots(eigenvalues).narrow(0, 0, k)
  if (!vectors) return { values }
  const within = eigenvectors.narrow(1, samples - k, k).flip([1])
  const right = double(inside).t().matmul(within).div(values.clamp_min(1e-300))
  return { values, left: double(basis).matmul(within), right }
}

function orthonormal(x: Expression): Expression {
  return x.linalg_qr().Q
}

function double(x: Tensor | Expression): Expression {
  return x.to('float64') as Expression
}

// Eigenvalues ascend, and rounding may leave the least of them below zero.
function roots(eigenvalues: Expression): Expression {
  return eigenvalues.clamp_min(0).sqrt().flip([0])
}
