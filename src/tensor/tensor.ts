import { inspect } from 'node:util'
import { z } from 'zod'
import { check, describe, expected } from '../check.ts'
import { type NativeTensor, native, type TensorHandle } from '../native.ts'
import { type Dtype, dtypes, dtypesOf, isComplex, type TypedArray, typedArrays } from './dtype.ts'
import { flattened, isNestedList } from './nested-list.ts'
import './record.ts'
import { Recorder } from './recorder.ts'
import { enterScope } from './scope.ts'

export interface Complex {
  re: number
  im: number
}
export type Element = number | bigint | boolean | Complex
export type NestedList = Element | NestedList[]

/**
 * A handle of a libtorch tensor. It keeps the tensor's memory alive until it is disposed (`dispose()`, `using`) or collected; disposing
 * drops this handle only, so views and running jobs stay valid.
 */
export class Tensor extends Recorder implements Disposable {
  readonly shape: readonly number[]
  readonly dtype: Dtype
  readonly device: string
  /** Gradients flow to it: it is a leaf that requires them, or was computed from one. */
  readonly differentiable: boolean
  /** For the layers above; not part of the public API. */
  readonly handle: TensorHandle
  #disposed = false

  /** Tensors come from `tensor()`, from a forward pass, or from a program. */
  constructor(tensor: NativeTensor) {
    super()
    this.handle = tensor.handle
    this.shape = tensor.shape
    this.dtype = tensor.dtype
    this.device = tensor.device
    this.differentiable = tensor.requiresGrad ?? false
    enterScope(this)
  }

  get ndim(): number {
    return this.shape.length
  }

  /** Number of elements. */
  numel(): number {
    return elementCount(this.shape)
  }

  /**
   * The elements in row-major order, copied: floats of 16 and 8 bits as Float32Array, int64 as BigInt64Array, bool as Uint8Array, complex
   * numbers as pairs of real and imaginary part.
   * Rejects with `ERR_DISPOSED`.
   */
  async data(): Promise<TypedArray> {
    return await native().tensorData(this.handle)
  }

  /** The elements as stored, little-endian, half types included. */
  async bytes(): Promise<Uint8Array> {
    return await native().tensorBytes(this.handle)
  }

  /** The only element. Rejects with `ERR_SHAPE_MISMATCH` when there are several. */
  async item(): Promise<Element> {
    if (this.numel() !== 1) throw expected('a tensor of one element', 'item()', this.shape, 'ERR_SHAPE_MISMATCH')
    return this.#elements(await this.data())[0]!
  }

  /** The elements as nested arrays, one level for each axis. */
  async tolist(): Promise<NestedList> {
    let nested: NestedList[] = this.#elements(await this.data())
    for (const size of this.shape.slice(1).reverse()) {
      nested = Array.from({ length: size === 0 ? 0 : nested.length / size }, (_, i) =>
        nested.slice(i * size, (i + 1) * size),
      )
    }
    return this.ndim === 0 ? nested[0]! : nested
  }

  get disposed(): boolean {
    return this.#disposed
  }

  dispose(): void {
    this.#disposed = true
    native().disposeTensor(this.handle)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  override toString(): string {
    const grad = this.differentiable ? ', differentiable' : ''
    return `Tensor([${this.shape.join(', ')}], ${this.dtype}, ${this.device}${grad})`
  }

  [inspect.custom](): string {
    return this.toString()
  }

  #elements(data: TypedArray): Element[] {
    const numbers = Array.from(data as ArrayLike<number | bigint>)
    if (this.dtype === 'bool') return numbers.map(Boolean)
    if (!isComplex(this.dtype)) return numbers
    return Array.from({ length: numbers.length / 2 }, (_, i) => ({
      re: numbers[2 * i] as number,
      im: numbers[2 * i + 1] as number,
    }))
  }
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

const Shape = z.array(z.int().min(0))

/**
 * A tensor with a copy of `data`. `dtype` defaults to that of the typed array; a Uint16Array holds the bits of half types (bfloat16
 * unless named), a Uint8Array may hold those of bool and of 8-bit floats, complex numbers are pairs. Nested lists are float32 where they hold
 * numbers, int64 where they hold bigints, bool where they hold booleans, unless `dtype` says otherwise.
 * Throws `ERR_UNKNOWN_DTYPE` for a dtype the array does not hold, `ERR_SHAPE_MISMATCH` when the shape does not have as many elements.
 */
export function tensor(data: TypedArray, shape?: readonly number[], dtype?: Dtype): Tensor
export function tensor(data: NestedList, options?: { dtype?: Dtype }): Tensor
export function tensor(
  data: TypedArray | NestedList,
  shape?: readonly number[] | { dtype?: Dtype },
  dtype?: Dtype,
): Tensor {
  if (isNestedList(data)) {
    const { dtype } = check(z.strictObject({ dtype: z.enum(dtypes).optional() }), shape ?? {})
    return fromArray(...flattened(data, dtype))
  }
  return fromArray(data, shape as readonly number[] | undefined, dtype)
}

function fromArray(data: TypedArray, shape?: readonly number[], dtype?: Dtype): Tensor {
  const possible = dtypesOf(data)
  if (possible.length === 0) throw expected(`a list, ${typedArrays.join(', ')}`, 'data', data)
  const chosen = check(z.enum(dtypes), dtype ?? possible[0], 'dtype', 'ERR_UNKNOWN_DTYPE')
  if (!possible.includes(chosen)) {
    throw expected(possible.join(' or '), `dtype of ${describe(data)}`, dtype, 'ERR_UNKNOWN_DTYPE')
  }
  const count = isComplex(chosen) ? data.length / 2 : data.length
  const sizes = check(Shape, shape ?? [count], 'shape')
  if (elementCount(sizes) !== count) {
    throw expected(`sizes whose product is ${count}`, 'shape', sizes, 'ERR_SHAPE_MISMATCH')
  }
  return new Tensor(native().tensorFromData(data, chosen, sizes))
}

/** What JavaScript handles of this environment keep alive: live tensors, the bytes of their storages, loaded models. */
export function memory(): { tensors: number; bytes: number; models: number } {
  return native().memory()
}
