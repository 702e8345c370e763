import { z } from 'zod'
import { check, expected } from '../check.ts'
import { type NativeTensor, native, type TensorHandle } from '../native.ts'
import { type Dtype, dtypeOf, dtypes, type TypedArray } from './dtype.ts'

export type Element = number | bigint | boolean
export type NestedList = Element | NestedList[]

/**
 * A handle of a libtorch tensor. It keeps the tensor's memory alive until it is disposed (`dispose()`, `using`) or collected; disposing
 * drops this handle only, so views and running jobs stay valid.
 */
export class Tensor implements Disposable {
  readonly shape: readonly number[]
  readonly dtype: Dtype
  readonly device: string
  /** For the layers above; not part of the public API. */
  readonly handle: TensorHandle

  /** Tensors come from `tensor()`, from a forward pass, or from a program. */
  constructor(tensor: NativeTensor) {
    this.handle = tensor.handle
    this.shape = tensor.shape
    this.dtype = tensor.dtype
    this.device = tensor.device
  }

  get ndim(): number {
    return this.shape.length
  }

  /** Number of elements. */
  numel(): number {
    return this.shape.reduce((product, size) => product * size, 1)
  }

  /**
   * The elements in row-major order, copied: float16 and bfloat16 as Float32Array, int64 as BigInt64Array, bool as Uint8Array.
   * Rejects with `ERR_DISPOSED`.
   */
  data(): Promise<TypedArray> {
    return native().tensorData(this.handle)
  }

  /** The elements as stored, little-endian, half types included. */
  bytes(): Promise<Uint8Array> {
    return native().tensorBytes(this.handle)
  }

  /** The only element. Rejects with `ERR_SHAPE_MISMATCH` when there are several. */
  async item(): Promise<Element> {
    if (this.numel() !== 1) throw expected('a tensor of one element', 'item()', this.shape, 'ERR_SHAPE_MISMATCH')
    return this.#element((await this.data())[0]!)
  }

  /** The elements as nested arrays, one level for each axis. */
  async tolist(): Promise<NestedList> {
    const elements = Array.from((await this.data()) as ArrayLike<number | bigint>, (value) => this.#element(value))
    let nested: NestedList[] = elements
    for (const size of this.shape.slice(1).reverse()) {
      nested = Array.from({ length: size === 0 ? 0 : nested.length / size }, (_, i) =>
        nested.slice(i * size, (i + 1) * size),
      )
    }
    return this.ndim === 0 ? nested[0]! : nested
  }

  dispose(): void {
    native().disposeTensor(this.handle)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return `Tensor([${this.shape.join(', ')}], ${this.dtype}, ${this.device})`
  }

  #element(value: number | bigint): Element {
    return this.dtype === 'bool' ? Boolean(value) : value
  }
}

const Shape = z.array(z.int().min(0))

/**
 * A tensor with a copy of `data`. `dtype` defaults to that of the typed array; a Uint16Array holds the bits of half types.
 * Throws `ERR_SHAPE_MISMATCH` when the shape does not have as many elements.
 */
export function tensor(
  data: TypedArray,
  shape: readonly number[] = [data.length],
  dtype: Dtype = dtypeOf(data),
): Tensor {
  check(
    z.custom((value) => ArrayBuffer.isView(value) && !(value instanceof DataView), 'a typed array'),
    data,
    'data',
  )
  check(z.enum(dtypes), dtype, 'dtype', 'ERR_UNKNOWN_DTYPE')
  return new Tensor(native().tensorFromData(data, dtype, check(Shape, shape, 'shape')))
}

/** What JavaScript handles of this environment keep alive: live tensors, the bytes of their storages, loaded models. */
export function memory(): { tensors: number; bytes: number; models: number } {
  return native().memory()
}
