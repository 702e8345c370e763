import { native } from '../native.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { bytesPerElement } from './dtypes.ts'
import type { TensorSpec } from './writer.ts'

// Two of these are in flight, one being filled while the other is written. A multiple of 4 draws of any dtype.
const pieceBytes = 16 << 20

/** A parameter of a random model. `index` is its place in the architecture's list, which numbers its random stream. */
export interface RandomParameter extends TensorSpec {
  name: string
  index: number
}

/**
 * The bytes of a parameter of an untrained model: norm weights are 1, biases 0, matrices normal draws. They depend on
 * seed, place and shape alone, not on how the checkpoint is cut into shards.
 */
export async function* randomBytes(
  parameter: RandomParameter,
  { seed, std }: { seed: number; std: number },
): AsyncGenerator<Uint8Array, void, void> {
  const { dtype, shape, name, index } = parameter
  const elements = shape.reduce((count, size) => count * size, 1)
  if (shape.length === 1) {
    yield constant(dtype, elements, name.endsWith('.bias') ? 0 : 1)
    return
  }
  const perPiece = pieceBytes / bytesPerElement(dtype)
  const fill = async (first: number, buffer: Uint8Array) => {
    const bytes = buffer.subarray(0, Math.min(perPiece, elements - first) * bytesPerElement(dtype))
    await native().fillNormal(bytes, dtype, seed, index, std, first)
    return bytes
  }
  const length = Math.min(pieceBytes, elements * bytesPerElement(dtype))
  let [current, next] = [new Uint8Array(length), new Uint8Array(elements > perPiece ? length : 0)]
  let pending = fill(0, current)
  for (let first = 0; first < elements; first += perPiece) {
    const bytes = await pending
    const following = first + perPiece
    if (following < elements) pending = fill(following, next)
    yield bytes
    ;[current, next] = [next, current]
  }
}

const one: Partial<Record<Dtype, readonly number[]>> = {
  float64: [0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
  float32: [0, 0, 0x80, 0x3f],
  float16: [0, 0x3c],
  bfloat16: [0x80, 0x3f],
}

function constant(dtype: Dtype, elements: number, value: 0 | 1): Uint8Array {
  const element = Uint8Array.from(one[dtype]!, (byte) => byte * value)
  return new Uint8Array(Buffer.alloc(elements * element.length, element))
}
