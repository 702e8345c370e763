import { type FileHandle, open, stat } from 'node:fs/promises'
import { error, type FrankentorchError, messageOf } from '../errors.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { bytesPerElement, dtypeNamed } from './dtypes.ts'
import { isObject, parseJson, shown } from './json.ts'

/** One tensor of a safetensors file. `begin` and `end` are offsets from the start of the file, in bytes. */
export interface StoredTensor {
  storedName: string
  dtype: Dtype
  shape: number[]
  begin: number
  end: number
}

export interface SafetensorsFile {
  file: string
  /** Bytes of the whole file when its header was read. */
  size: number
  metadata: Record<string, string>
  /** In the order of the data. */
  tensors: StoredTensor[]
}

/** The format's own limit. */
const maxHeaderBytes = 100_000_000
const lengthBytes = 8

/**
 * Reads and checks the header of a safetensors file; the data is not read. Everything the header claims is held
 * against the size of the file, so what it returns may be mapped without further checks.
 *
 * Throws `ERR_CHECKPOINT_NOT_FOUND`, `ERR_CHECKPOINT_CORRUPT`, or `ERR_UNKNOWN_DTYPE` for a dtype this package lacks.
 */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsFile> {
  let handle: FileHandle
  try {
    // Opening a named pipe would wait for its writer, so what it is comes first.
    if (!(await stat(file)).isFile()) throw corrupt(file, 'expected a regular file')
    handle = await open(file)
  } catch (cause) {
    if ((cause as FrankentorchError).code === 'ERR_CHECKPOINT_CORRUPT') throw cause
    throw error('ERR_CHECKPOINT_NOT_FOUND', `${file} cannot be opened: ${messageOf(cause)}`, { cause })
  }
  try {
    const { size } = await handle.stat()
    const length = headerLength(await readExactly(handle, 0, Math.min(lengthBytes, size), file), size, file)
    return parseSafetensorsHeader(await readExactly(handle, lengthBytes, length, file), size, file)
  } finally {
    await handle.close()
  }
}

/** The length of the header, from the first 8 bytes of a file of `size` bytes. */
export function headerLength(prefix: Uint8Array, size: number, file: string): number {
  if (prefix.length < lengthBytes) throw corrupt(file, `expected at least 8 bytes but found ${size}`)
  const length = Buffer.from(prefix.buffer, prefix.byteOffset, lengthBytes).readBigUInt64LE()
  if (length > maxHeaderBytes) {
    throw corrupt(file, `expected a header of at most ${maxHeaderBytes} bytes but found a length of ${length}`)
  }
  if (Number(length) > size - lengthBytes) {
    throw corrupt(
      file,
      `expected a header of ${length} bytes but the file ends after ${size - lengthBytes} (is the download complete?)`,
    )
  }
  return Number(length)
}

/** Checks the JSON of a header. `size` is the size of the whole file, `file` what errors call it. */
export function parseSafetensorsHeader(header: Uint8Array, size: number, file: string): SafetensorsFile {
  const { __metadata__: metadata, ...entries } = parseHeader(header, file)
  const dataBegin = lengthBytes + header.length
  const tensors = Object.entries(entries).map(([name, entry]) => storedTensor(name, entry, dataBegin, size, file))
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkCovered(tensors, dataBegin, size, file)
  return { file, size, metadata: checkMetadata(metadata, file), tensors }
}

/** Number of elements of `shape`, or `undefined` where it exceeds what a double counts exactly. */
export function elementCount(shape: readonly number[]): number | undefined {
  // A zero anywhere makes the product zero, however large the rest.
  if (shape.includes(0)) return 0
  let count = 1
  for (const size of shape) {
    count *= size
    if (count > Number.MAX_SAFE_INTEGER) return undefined
  }
  return count
}

function parseHeader(header: Uint8Array, file: string): Record<string, unknown> {
  if (header[0] !== '{'.charCodeAt(0)) throw corrupt(file, "expected the header to begin with '{'")
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(header)) as Record<string, unknown>
  } catch (cause) {
    throw corrupt(file, `the header is not valid JSON: ${messageOf(cause)}`, cause)
  }
}

function checkMetadata(metadata: unknown, file: string): Record<string, string> {
  if (metadata === undefined) return {}
  if (isObject(metadata) && Object.values(metadata).every((value) => typeof value === 'string')) {
    return metadata as Record<string, string>
  }
  throw corrupt(file, `expected __metadata__ to map names to strings but found ${shown(metadata)}`)
}

function storedTensor(name: string, entry: unknown, dataBegin: number, size: number, file: string): StoredTensor {
  const where = `${file}: ${name}`
  if (!isObject(entry)) throw corrupt(where, `expected an object but found ${shown(entry)}`)
  const unknown = Object.keys(entry).find((key) => !['dtype', 'shape', 'data_offsets'].includes(key))
  if (unknown !== undefined) throw corrupt(where, `expected dtype, shape and data_offsets but found '${unknown}'`)
  if (typeof entry.dtype !== 'string') throw corrupt(where, `expected a dtype but found ${shown(entry.dtype)}`)
  const dtype = dtypeNamed(entry.dtype, where)
  const { shape, data_offsets: offsets } = entry
  if (!isCounts(shape)) throw corrupt(where, `expected a shape of integers ≥ 0 but found ${shown(shape)}`)
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw corrupt(where, `expected data_offsets [begin, end] but found ${shown(offsets)}`)
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end) throw corrupt(where, `expected begin ≤ end but found data_offsets [${begin}, ${end}]`)
  if (end > size - dataBegin) {
    throw corrupt(
      where,
      `its data ends at byte ${end} but the file holds ${size - dataBegin} (is the download complete?)`,
    )
  }
  const count = elementCount(shape)
  const bytes = count === undefined ? undefined : count * bytesPerElement(dtype)
  if (bytes !== end - begin) {
    throw corrupt(
      where,
      `expected ${bytes ?? 'fewer'} bytes for ${entry.dtype} [${shape}] but data_offsets span ${end - begin}`,
    )
  }
  return { storedName: name, dtype, shape, begin: dataBegin + begin, end: dataBegin + end }
}

function checkCovered(tensors: StoredTensor[], dataBegin: number, size: number, file: string): void {
  let covered = dataBegin
  let previous = 'the header'
  for (const { storedName, begin, end } of tensors) {
    if (begin < covered) throw corrupt(file, `the data of '${storedName}' overlaps that of '${previous}'`)
    if (begin > covered)
      throw corrupt(file, `${begin - covered} bytes between '${previous}' and '${storedName}' belong to no tensor`)
    covered = end
    previous = storedName
  }
  if (covered !== size) throw corrupt(file, `expected the file to end at byte ${covered} but it has ${size}`)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

async function readExactly(handle: FileHandle, position: number, length: number, file: string): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
    if (bytesRead === 0) throw corrupt(file, `expected ${length} bytes at ${position} but found ${done}`)
    done += bytesRead
  }
  return bytes
}

function corrupt(where: string, what: string, cause?: unknown): FrankentorchError {
  return error('ERR_CHECKPOINT_CORRUPT', `${where}: ${what}`, { cause })
}
