import { readFile, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { error, messageOf } from '../errors.ts'
import { readJsonLines } from './jsonl.ts'
import { type InvalidRow, isRecord, kindOf, type Row, unlessInvalid } from './row.ts'

export interface ReadOptions {
  /** false leaves images out: parquet columns that embed them are not decoded, image files are not looked for. Default true. */
  images?: boolean
  /** Told of a record that does not fit, in its place among the others, instead of throwing; it is left out, and reading goes on. */
  onInvalid?: (invalid: InvalidRow) => void
}

/**
 * The records of a `.jsonl`, `.json` or `.parquet` file in order, read as they are asked for. A `.json` file holds an array of records or an
 * object of them. Integers of 64 bits are numbers where a number holds them exactly, else decimal text; embedded images are `{ bytes, path }`.
 * Throws `ERR_DATA` with file and place.
 */
export async function* readRows(path: string, { images = true, onInvalid }: ReadOptions = {}): AsyncGenerator<Row> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile())
    throw error('ERR_DATA', `Expected a data file at ${path} but ${found ? 'it is no file' : 'nothing is there'}`)
  const extension = extname(path).toLowerCase()
  if (extension === '.jsonl' || extension === '.ndjson') yield* readJsonLines(path, { onInvalid })
  else if (extension === '.parquet') yield* (await import('./parquet.ts')).readParquet(path, { images })
  else if (extension === '.json') yield* readJson(path, onInvalid)
  else
    throw error(
      'ERR_DATA',
      `Expected a .jsonl, .json or .parquet file but ${path} is ${extension || 'a file without extension'}`,
    )
}

async function* readJson(path: string, onInvalid: ReadOptions['onInvalid']): AsyncGenerator<Row> {
  const content = await readFile(path, 'utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(content.replace(/^\ufeff/, ''))
  } catch (thrown) {
    throw error('ERR_DATA', `${path} is not valid JSON: ${messageOf(thrown)}`, { cause: thrown })
  }
  if (typeof parsed !== 'object' || parsed === null) {
    throw error(
      'ERR_DATA',
      `Expected an array or an object of records in ${path} but found ${parsed === null ? 'null' : typeof parsed}`,
    )
  }
  for (const [key, value] of Object.entries(parsed)) {
    const place = `${path} record ${key}`
    const row = await unlessInvalid(place, onInvalid, () => {
      if (isRecord(value)) return { value, place }
      throw error('ERR_DATA', `Expected an object at ${place} but found ${kindOf(value)}`)
    })
    if (row) yield row
  }
}
