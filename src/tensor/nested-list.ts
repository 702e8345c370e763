import { expected } from '../check.ts'
import type { Dtype, TypedArray } from './dtype.ts'
import type { Complex, Element, NestedList } from './tensor.ts'

// As many as libtorch's own loops take.
const maxAxes = 64

/** A number, or lists of such. */
export function isNestedList(value: unknown): value is NestedList {
  return Array.isArray(value) || isElement(value)
}

function isElement(value: unknown): value is Element {
  return ['number', 'bigint', 'boolean'].includes(typeof value) || isComplexNumber(value)
}

function isComplexNumber(value: unknown): value is Complex {
  return typeof value === 'object' && value !== null && 're' in value && 'im' in value
}

/**
 * The elements of a nested list as the typed array of `dtype`, with the shape of the lists. Throws `ERR_SHAPE_MISMATCH` for ragged lists and
 * `ERR_INVALID_ARGUMENT` for elements the dtype does not hold.
 */
export function flattened(list: NestedList, dtype?: Dtype): [data: TypedArray, shape: number[], dtype: Dtype] {
  const shape: number[] = []
  for (let level: unknown = list; Array.isArray(level); level = level[0]) {
    // A list that holds itself has no end.
    if (shape.length === maxAxes) throw expected(`lists nested at most ${maxAxes} deep`, 'data', list)
    shape.push(level.length)
  }
  const elements: Element[] = []
  flatten(list, shape, 0, elements)
  const chosen = dtype ?? usualDtype(elements[0])
  return [arrayOf(elements, chosen), shape, chosen]
}

function flatten(list: NestedList, shape: readonly number[], depth: number, elements: Element[]): void {
  if (depth === shape.length) {
    if (!isElement(list)) throw expected(`lists nested ${shape.length} deep`, 'data', list, 'ERR_SHAPE_MISMATCH')
    elements.push(list)
    return
  }
  if (!Array.isArray(list) || list.length !== shape[depth]) {
    throw expected(`lists of length ${shape[depth]} at depth ${depth}`, 'data', list, 'ERR_SHAPE_MISMATCH')
  }
  for (const element of list) flatten(element, shape, depth + 1, elements)
}

function usualDtype(element: Element | undefined): Dtype {
  if (typeof element === 'bigint') return 'int64'
  if (typeof element === 'boolean') return 'bool'
  return typeof element === 'object' ? 'complex64' : 'float32'
}

function arrayOf(elements: readonly Element[], dtype: Dtype): TypedArray {
  switch (dtype) {
    case 'float64':
      return Float64Array.from(elements, number)
    case 'float32':
      return Float32Array.from(elements, number)
    case 'complex128':
      return Float64Array.from(elements.flatMap(parts))
    case 'complex64':
      return Float32Array.from(elements.flatMap(parts))
    case 'int64':
      return BigInt64Array.from(elements, integer)
    case 'uint64':
      return BigUint64Array.from(elements, integer)
    case 'int32':
      return Int32Array.from(elements, number)
    case 'int16':
      return Int16Array.from(elements, number)
    case 'int8':
      return Int8Array.from(elements, number)
    case 'uint32':
      return Uint32Array.from(elements, number)
    case 'uint16':
      return Uint16Array.from(elements, number)
    case 'uint8':
      return Uint8Array.from(elements, number)
    case 'bool':
      return Uint8Array.from(elements, (element) => (element ? 1 : 0))
    default:
      throw expected(
        `a dtype that JavaScript numbers make (tensor(list).to('${dtype}') converts)`,
        'dtype',
        dtype,
        'ERR_UNKNOWN_DTYPE',
      )
  }
}

function number(element: Element): number {
  if (typeof element === 'object') throw expected('a real number', 'an element', element)
  return Number(element)
}

function integer(element: Element): bigint {
  const fits = typeof element === 'bigint' || typeof element === 'boolean' || Number.isSafeInteger(element)
  if (!fits) throw expected('an integer', 'an element', element)
  return BigInt(element as number | bigint | boolean)
}

function parts(element: Element): [number, number] {
  return typeof element === 'object' ? [element.re, element.im] : [Number(element), 0]
}
