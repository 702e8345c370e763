import { type FileHandle, open } from 'node:fs/promises'
import type { Entry } from '../checkpoint/checkpoint.ts'
import { bytesPerElement } from '../checkpoint/dtypes.ts'
import type { Stretch } from '../checkpoint/writer.ts'
import { abortable, native } from '../native.ts'
import type { Dtype } from '../tensor/dtype.ts'
import type { Tensor } from '../tensor/tensor.ts'

// Long enough that calls cost nothing, short enough for progress and aborts.
const pieceBytes = 32 << 20

/** Parameters as they lie in their files, copied from file to file on a worker thread. Holds the files open until it is disposed. */
export function storedPieces(signal: AbortSignal | undefined) {
  const files = new Map<string, Promise<FileHandle>>()
  return {
    async *of({ file, begin, end, dtype }: Entry): AsyncGenerator<Stretch> {
      if (!files.has(file)) files.set(file, open(file))
      const { fd } = await files.get(file)!
      for (let at = begin; at < end; at += pieceBytes) {
        const length = Math.min(pieceBytes, end - at)
        const writeTo = async (descriptor: number, offset: number) => {
          await abortable(signal, (cancellation) =>
            native().copyNumbers(fd, at, length, descriptor, offset, dtype, cancellation),
          )
        }
        yield { length, writeTo }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const file of files.values()) await (await file).close()
    },
  }
}

/** A tensor rounded to `dtype`, some elements at a time. */
export async function* tensorPieces(
  of: () => Promise<Tensor>,
  dtype: Dtype,
  signal: AbortSignal | undefined,
): AsyncGenerator<Stretch> {
  using tensor = await of()
  using elements = await tensor.flatten()
  const count = elements.numel()
  const step = pieceBytes / bytesPerElement(dtype)
  for (let first = 0; first < count; first += step) {
    const some = Math.min(step, count - first)
    using piece = await elements.narrow(0, first, some).to({ dtype, device: 'cpu' }).contiguous()
    const writeTo = async (descriptor: number, offset: number) => {
      await abortable(signal, (cancellation) => native().writeNumbers(piece.handle, descriptor, offset, cancellation))
    }
    yield { length: some * bytesPerElement(dtype), writeTo }
  }
}
