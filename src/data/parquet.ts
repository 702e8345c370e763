import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { error, messageOf } from '../errors.ts'
import type { Row } from './row.ts'

/** The rows of a parquet file, one row group in memory at a time. `images: false` does not decode columns that embed images. */
export async function* readParquet(path: string, { images }: { images: boolean }): AsyncGenerator<Row> {
  const { file, metadata } = await open(path)
  const columns = images ? undefined : columnsWithoutImages(metadata)
  let begin = 0
  for (const { num_rows } of metadata.row_groups) {
    const end = begin + Number(num_rows)
    for (const value of await rows(path, { file, metadata, columns, rowStart: begin, rowEnd: end })) {
      yield { value: plain(value) as Record<string, unknown>, place: `${path} row ${begin++}` }
    }
    begin = end
  }
}

async function open(path: string): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet')
  try {
    const file = await asyncBufferFromFile(path)
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (thrown) {
    throw unreadable(path, thrown)
  }
}

interface Range {
  file: AsyncBuffer
  metadata: FileMetaData
  columns: string[] | undefined
  rowStart: number
  rowEnd: number
}

async function rows(path: string, range: Range): Promise<Record<string, unknown>[]> {
  const { parquetReadObjects } = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  try {
    // with its default, utf8: true, hyparquet decodes the bytes of an embedded image as text and corrupts them
    return await parquetReadObjects({ ...range, compressors, utf8: false })
  } catch (thrown) {
    throw unreadable(path, thrown)
  }
}

function unreadable(path: string, thrown: unknown): Error {
  return error('ERR_DATA', `${path} cannot be read as parquet: ${messageOf(thrown)} (is the download complete?)`, {
    cause: thrown,
  })
}

// An image column of the Hub is a struct with the fields `bytes` and `path`; the schema lists a tree in depth-first order.
function columnsWithoutImages({ schema }: FileMetaData): string[] {
  const columns: string[] = []
  const end = (at: number): number => {
    let next = at + 1
    for (let child = 0; child < (schema[at]!.num_children ?? 0); child++) next = end(next)
    return next
  }
  for (let at = 1; at < schema.length; at = end(at)) {
    const names = schema.slice(at + 1, end(at)).map((element) => element.name)
    if (!(names.includes('bytes') && names.includes('path'))) columns.push(schema[at]!.name)
  }
  return columns
}

// Values that JSON can hold, except for the bytes of images.
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  }
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>, plain)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
