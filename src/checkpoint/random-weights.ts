import { native } from '../native.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { bytesPerElement } from './dtypes.ts'
import { elementCount } from './safetensors.ts'
import type { TensorBytes, TensorSpec } from './writer.ts'

// One piece is filled while the one before is written. A multiple of 4 draws of any dtype.
const pieceBytes = 8 << 20

/** A parameter of a random model. `index` is its place in the architecture's list, which numbers its random stream. */
export interface RandomParameter extends TensorSpec {
  name: string
  index: number
}

/**
 * The bytes of the parameters of an untrained model: norm weights are 1, biases 0, matrices normal draws. They depend on
 * seed, place and shape alone, not on how the checkpoint is cut into shards. One parameter at a time: all share two buffers.
 */
export function randomWeights({ seed, std }: { seed: number; std: number }): TensorBytes<RandomParameter> {
  const buffers = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)] as const
  return async function* ({ dtype, shape, name, index }) {
    const elements = elementCount(shape)!
    if (shape.length === 1) {
      yield constant(dtype, elements, name.endsWith('.bias') ? 0 : 1)
      return
    }
    const perPiece = pieceBytes / bytesPerElement(dtype)
    const fill = async (piece: number) => {
      const first = piece * perPiece
      const bytes = buffers[piece % 2]!.subarray(0, Math.min(perPiece, elements - first) * bytesPerElement(dtype))
      await native().fillNormal(bytes, dtype, seed, index, std, first)
      return bytes
    }
    const pieces = Math.ceil(elements / perPiece)
    let next = fill(0)
    for (let piece = 0; piece < pieces; piece++) {
      const bytes = await next
      if (piece + 1 < pieces) next = fill(piece + 1)
      yield bytes
    }
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
