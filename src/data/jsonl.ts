import { createReadStream } from 'node:fs'
import { error, messageOf } from '../errors.ts'
import { isRecord, kindOf, type Row, unlessInvalid } from './row.ts'
import type { ReadOptions } from './rows.ts'

/**
 * The objects of a JSONL file, one a line, without holding the file. Blank lines are skipped and counted. Lines end at `\n` only: readline would
 * also break at U+2028, which JSON allows inside strings.
 */
export async function* readJsonLines(
  path: string,
  { onInvalid }: Pick<ReadOptions, 'onInvalid'> = {},
): AsyncGenerator<Row> {
  let line = 0
  for await (const bytes of lines(path)) {
    line++
    const place = `${path}:${line}`
    const row = await unlessInvalid(place, onInvalid, () => rowOf(bytes, place))
    if (row) yield row
  }
}

// Undefined for a blank line.
function rowOf(bytes: Buffer, place: string): Row | undefined {
  const text = decode(bytes, place).replace(/^\ufeff/, '')
  if (text.trim() === '') return undefined
  const value = parse(text, place)
  if (!isRecord(value)) throw error('ERR_DATA', `Expected an object at ${place} but found ${kindOf(value)}`)
  return { value, place }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Buffer, place: string): string {
  try {
    return utf8.decode(bytes)
  } catch (thrown) {
    throw error('ERR_DATA', `Expected UTF-8 at ${place} but found other bytes`, { cause: thrown })
  }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw error('ERR_DATA', `Expected one JSON object at ${place} but found ${excerpt(text)} (${messageOf(thrown)})`, {
      cause: thrown,
    })
  }
}

function excerpt(text: string): string {
  return `'${text.length > 60 ? `${text.slice(0, 57)}…` : text.trimEnd()}'`
}

async function* lines(path: string): AsyncGenerator<Buffer> {
  let pending: Buffer[] = []
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let begin = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, begin)) {
      yield Buffer.concat([...pending, chunk.subarray(begin, end)])
      pending = []
      begin = end + 1
    }
    pending.push(chunk.subarray(begin))
  }
  const last = Buffer.concat(pending)
  if (last.length > 0) yield last
}
