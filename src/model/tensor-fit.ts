import { expected } from '../check.ts'
import type { NativeChange } from '../native.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { PointInfo, Sequence } from './resolve-interventions.ts'

/**
 * The tensor of an intervention as it goes with the values of a point: missing leading axes are 1, every axis is 1 or the value's. Its tokens are 1,
 * one for each selected position, or those of the prompt, of which the selected are taken. Throws `ERR_SHAPE_MISMATCH`.
 */
export function fitTensor(
  tensor: Tensor,
  { name: point, shape: value }: PointInfo,
  sequences: readonly Sequence[],
  prefillOnly: boolean,
  name: string,
): Pick<NativeChange, 'tensor' | 'shape' | 'rows'> {
  const shape = [...Array<number>(Math.max(value.length - tensor.shape.length, 0)).fill(1), ...tensor.shape]
  const tokenAxis = value.indexOf(-1)
  const mismatch = (what: string) => expected(`${what} at ${point}`, name, tensor.shape, 'ERR_SHAPE_MISMATCH')
  const fits = (size: number, axis: number) =>
    size === 1 ||
    size === value[axis] ||
    axis === tokenAxis ||
    // the keys that attention weights are over
    (value[axis] === -1 && prefillOnly && sequences.every(({ length }) => length === size))
  if (shape.length !== value.length || !shape.every(fits)) {
    const axes = value.map((size) => (size === -1 ? 'tokens' : size)).join(', ')
    throw mismatch(`a shape that broadcasts to [${axes}]`)
  }
  const tokens = shape[tokenAxis]!
  const rows = sequences.map(({ row, length, selected }) => {
    if (tokens === 1) return { row, ...selected }
    const positions = selected.positions ?? (selected.first === 0 && prefillOnly ? span(length) : undefined)
    if (!positions) throw mismatch("one token, or listed positions or steps 'prefill' to go with more,")
    if (tokens === positions.length) return { row, positions, sources: span(tokens) }
    if (tokens === length && positions.every((position) => position < length))
      return { row, positions, sources: positions }
    throw mismatch(`1 or ${positions.length} tokens, as many as are selected in row ${row},`)
  })
  return { tensor: tensor.handle, shape, rows }
}

function span(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
