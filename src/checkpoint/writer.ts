import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { error, messageOf } from '../errors.ts'
import type { Dtype } from '../tensor/dtype.ts'
import type { Checkpoint } from './checkpoint.ts'
import { bytesPerElement, safetensorsName, writingRank } from './dtypes.ts'
import { elementCount } from './safetensors.ts'
import { indexFile, singleFile } from './weights.ts'

/** A tensor to be written, known before its bytes are. */
export interface TensorSpec {
  storedName: string
  dtype: Dtype
  shape: number[]
}

/** A piece of a tensor that writes itself, past JavaScript: a stretch of another file, or what the engine computed. */
export interface Stretch {
  /** In bytes. */
  readonly length: number
  /** Writes it into the open file `descriptor` from byte `offset` on. */
  writeTo(descriptor: number, offset: number): Promise<void>
}

/** The bytes of a tensor, in pieces of any size, little-endian and row by row. A piece is written before the next is asked for. */
export type TensorBytes<Spec> = (tensor: Spec) => AsyncIterable<Uint8Array | Stretch>

export interface WriteOptions {
  signal?: AbortSignal
  /** Called after each piece with the bytes of data written so far and in all. */
  onProgress?: (written: number, total: number) => void
}

/** As `save_pretrained` of transformers, in decimal bytes. */
export const defaultShardBytes = 5_000_000_000

/**
 * Writes a safetensors file, streaming: the header first, then the data of each tensor in the order the safetensors
 * library itself uses, so equal content gives equal bytes. The file appears under its name only when it is complete.
 */
export async function writeSafetensors<Spec extends TensorSpec>(
  file: string,
  tensors: readonly Spec[],
  bytes: TensorBytes<Spec>,
  options: WriteOptions = {},
): Promise<void> {
  const ordered = [...tensors].sort(writingOrder)
  const total = totalBytes(ordered)
  const temporary = `${file}.partial-${process.pid}`
  let handle: FileHandle | undefined
  try {
    handle = await open(temporary, 'w')
    const header = headerOf(ordered)
    await writePiece(handle, header, 0)
    let written = 0
    for (const tensor of ordered) {
      const before = written
      for await (const piece of bytes(tensor)) {
        if (options.signal?.aborted)
          throw error('ERR_ABORTED', `Writing ${file} was aborted`, { cause: options.signal.reason })
        await writePiece(handle, piece, header.length + written)
        written += piece.length
        options.onProgress?.(written, total)
      }
      if (written - before !== byteLength(tensor)) {
        throw new RangeError(`${tensor.storedName} has ${byteLength(tensor)} bytes but ${written - before} were given`)
      }
    }
    await handle.sync()
    await handle.close()
    await rename(temporary, file)
  } catch (cause) {
    await handle?.close().catch(() => undefined)
    await rm(temporary, { force: true })
    if (isSystemError(cause)) throw error('ERR_OUTPUT', `${file} cannot be written: ${messageOf(cause)}`, { cause })
    throw cause
  }
}

/** A weight file of a checkpoint and what goes into it. */
export interface Shard<Spec extends TensorSpec> {
  name: string
  tensors: Spec[]
}

/**
 * Writes the weights of a checkpoint into `directory`: `model.safetensors`, or, above `maxShardBytes`, numbered shards
 * and their index. Tensors go to shards in the order given, as transformers does it.
 */
export async function writeWeights<Spec extends TensorSpec>(
  directory: string,
  tensors: readonly Spec[],
  bytes: TensorBytes<Spec>,
  options: WriteOptions & { maxShardBytes?: number } = {},
): Promise<void> {
  await writeShards(directory, planShards(tensors, options.maxShardBytes ?? defaultShardBytes), bytes, options)
}

/** `tensors` in the files in which `checkpoint` has them. */
export function shardsOf<Spec extends TensorSpec & { name: string }>(
  { files, entries }: Pick<Checkpoint, 'files' | 'entries'>,
  tensors: readonly Spec[],
): Shard<Spec>[] {
  const shards = files.map(({ file }) => ({
    name: path.basename(file),
    tensors: tensors.filter(({ name }) => entries.get(name)!.file === file),
  }))
  // a shard that held nothing but a tied head
  return shards.filter(({ tensors }) => tensors.length > 0)
}

/** Writes weight files and, unless there is `model.safetensors` alone, their index. */
export async function writeShards<Spec extends TensorSpec>(
  directory: string,
  shards: readonly Shard<Spec>[],
  bytes: TensorBytes<Spec>,
  options: WriteOptions = {},
): Promise<void> {
  const total = totalBytes(shards.flatMap(({ tensors }) => tensors))
  let before = 0
  for (const { name, tensors } of shards) {
    const onProgress = (written: number) => options.onProgress?.(before + written, total)
    await writeSafetensors(path.join(directory, name), tensors, bytes, { ...options, onProgress })
    before += totalBytes(tensors)
  }
  if (shards.length === 1 && shards[0]!.name === singleFile) return
  const placed = shards.flatMap(({ name, tensors }) => tensors.map(({ storedName }) => [storedName, name] as const))
  const weightMap = Object.fromEntries(placed.sort(([a], [b]) => (a < b ? -1 : 1)))
  await writeJson(path.join(directory, indexFile), { metadata: { total_size: total }, weight_map: weightMap })
}

/** Writes `value` as the Hub's files have it: two spaces, a newline at the end. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`)
}

/** Which tensors go into which file. A tensor above the limit gets a file of its own. */
export function planShards<Spec extends TensorSpec>(tensors: readonly Spec[], maxShardBytes: number): Shard<Spec>[] {
  const groups: Spec[][] = [[]]
  let used = 0
  for (const tensor of tensors) {
    const bytes = byteLength(tensor)
    if (used > 0 && used + bytes > maxShardBytes) {
      groups.push([])
      used = 0
    }
    groups.at(-1)!.push(tensor)
    used += bytes
  }
  const number = (n: number) => String(n).padStart(5, '0')
  return groups.map((tensors, i) => ({
    name: groups.length === 1 ? singleFile : `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`,
    tensors,
  }))
}

/** Bytes of the data of all `tensors`. */
export function totalBytes(tensors: readonly TensorSpec[]): number {
  return tensors.reduce((total, tensor) => total + byteLength(tensor), 0)
}

export function byteLength({ storedName, dtype, shape }: TensorSpec): number {
  const count = elementCount(shape)
  if (count === undefined) throw new RangeError(`${storedName} [${shape}] has too many elements`)
  return count * bytesPerElement(dtype)
}

/** Wider elements first, so that all data stays aligned; then by name. */
function writingOrder(a: TensorSpec, b: TensorSpec): number {
  return (
    writingRank(b.dtype) - writingRank(a.dtype) || Buffer.compare(Buffer.from(a.storedName), Buffer.from(b.storedName))
  )
}

function headerOf(ordered: readonly TensorSpec[]): Buffer {
  let end = 0
  // Text and not an object: an object would move names that look like numbers to the front.
  const entries = ordered.map((tensor) => {
    const begin = end
    end += byteLength(tensor)
    const entry = { dtype: safetensorsName(tensor.dtype), shape: tensor.shape, data_offsets: [begin, end] }
    return `,${JSON.stringify(tensor.storedName)}:${JSON.stringify(entry)}`
  })
  const json = Buffer.from(`{"__metadata__":{"format":"pt"}${entries.join('')}}`)
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  header.writeBigUInt64LE(BigInt(header.length - 8))
  json.copy(header, 8)
  return header
}

async function writePiece(handle: FileHandle, piece: Uint8Array | Stretch, offset: number): Promise<void> {
  if (!(piece instanceof Uint8Array)) return piece.writeTo(handle.fd, offset)
  for (let done = 0; done < piece.length; ) {
    done += (await handle.write(piece, done, piece.length - done, offset + done)).bytesWritten
  }
}

function isSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown
}
