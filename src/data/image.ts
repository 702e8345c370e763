import { access } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { error } from '../errors.ts'
import { isRecord, type Row } from './row.ts'

/** An image of a data set: the path of its file, or the encoded bytes (PNG, JPEG, …) that a parquet file embeds. */
export type DataImage = string | Uint8Array

/**
 * The image that `value` of a row stands for: embedded `{ bytes, path }`, or a path relative to the folder of `file` or to one of `folders` in it
 * or beside it. Throws `ERR_DATA` naming the row and where it looked.
 */
export async function rowImage(
  file: string,
  row: Row,
  value: unknown,
  folders: readonly string[] = [],
): Promise<DataImage> {
  const embedded = isRecord(value) ? value.bytes : undefined
  if (embedded instanceof Uint8Array) return embedded
  const path = isRecord(value) ? value.path : value
  if (typeof path !== 'string' || path === '') {
    throw error('ERR_DATA', `Expected an image (a path, or bytes with a path) at ${row.place} but found neither`)
  }
  const base = dirname(file)
  const candidates = isAbsolute(path) ? [path] : ['.', ...folders, '..'].map((folder) => join(base, folder, path))
  for (const candidate of candidates) {
    if (
      await access(candidate).then(
        () => true,
        () => false,
      )
    )
      return candidate
  }
  throw error('ERR_DATA', `The image ${path} of ${row.place} is missing; looked for ${candidates.join(', ')}`)
}
