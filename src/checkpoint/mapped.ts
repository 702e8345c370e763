import { type MappedFileHandle, native } from '../native.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Checkpoint, Entry } from './checkpoint.ts'
import { elementCount } from './safetensors.ts'

/** Elements [begin, end) of a parameter, row by row. */
export type Elements = readonly [begin: number, end: number]

/** The parameters of a checkpoint as tensors over its mapped files: nothing is read before it is used, nothing is copied. */
export class MappedCheckpoint implements Disposable {
  private readonly sizes: ReadonlyMap<string, number>
  private readonly files = new Map<string, MappedFileHandle>()

  constructor(checkpoint: Checkpoint) {
    this.sizes = new Map(checkpoint.files.map(({ file, size }) => [file, size]))
  }

  /** A parameter in its shape, or some of its elements in one axis. The tensor outlives this object. Throws `ERR_CHECKPOINT_CORRUPT` for a file that changed. */
  tensor(entry: Entry, elements?: Elements): Tensor {
    const shape = elements ? [elements[1] - elements[0]] : entry.shape
    const width = (entry.end - entry.begin) / (elementCount(entry.shape) || 1)
    const begin = entry.begin + (elements?.[0] ?? 0) * width
    return new Tensor(native().mappedTensor(this.file(entry.file), entry.dtype, shape, begin))
  }

  private file(path: string): MappedFileHandle {
    const mapped = this.files.get(path) ?? native().mapFile(path, this.sizes.get(path)!)
    this.files.set(path, mapped)
    return mapped
  }

  [Symbol.dispose](): void {
    for (const file of this.files.values()) native().unmapFile(file)
    this.files.clear()
  }
}
