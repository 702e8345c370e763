import type { ForwardOutput } from '../../src/model/model.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/** Numbers in row-major order. */
export interface Values {
  shape: readonly number[]
  data: Float64Array
}

/** The numbers of a tensor, which is disposed. */
export async function take(tensor: Tensor): Promise<Values> {
  using taken = tensor
  return { shape: taken.shape, data: Float64Array.from((await taken.data()) as ArrayLike<number | bigint>, Number) }
}

/** The numbers of everything a forward pass returned, without the axis of the batch. */
export async function takeOutput({ logits, positionIds, captured }: ForwardOutput) {
  const points: Record<string, Values> = {}
  for (const [name, tensor] of Object.entries(captured)) points[name] = withoutBatch(await take(tensor))
  return { logits: withoutBatch(await take(logits)), positionIds: await take(positionIds), points }
}

/** Some rows of [n, width], or of each matrix of [m, n, width]. */
export function rowsOf({ shape, data }: Values, rows: ArrayLike<number>): Values {
  const [n, width] = shape.slice(-2) as [number, number]
  const matrices = data.length / (n * width)
  const chosen = Array.from({ length: matrices }, (_, m) =>
    Array.from(rows, (row) => Array.from(data.subarray((m * n + row) * width, (m * n + row + 1) * width))),
  )
  return { shape: [...shape.slice(0, -2), rows.length, width], data: Float64Array.from(chosen.flat(2)) }
}

/** Some columns of [n, width]. */
export function columnsOf({ shape, data }: Values, columns: ArrayLike<number>): Values {
  const [n, width] = shape as [number, number]
  const chosen = Array.from({ length: n }, (_, row) => Array.from(columns, (column) => data[row * width + column]!))
  return { shape: [n, columns.length], data: Float64Array.from(chosen.flat()) }
}

/** The i-th matrix of [m, n, width]. */
export function matrix({ shape: [m, n, width], data }: Values, i: number): Values {
  const length = data.length / m!
  return { shape: [n!, width!], data: data.subarray(i * length, (i + 1) * length) }
}

function withoutBatch({ shape, data }: Values): Values {
  if (shape[0] !== 1) throw new Error(`Expected one row but received a tensor of shape [${shape}]`)
  return { shape: shape.slice(1), data }
}
