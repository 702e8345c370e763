import { access } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import { type ReadOptions, readRows } from './rows.ts'

const part = z.union([
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('image'), image: z.string() }),
  z.looseObject({ type: z.literal('video'), video: z.union([z.string(), z.array(z.string())]) }),
])

const message = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.union([z.string(), z.array(part)]),
})

const layout = z.looseObject({
  id: z.coerce.string(),
  messages: z.array(message).min(1),
  answer: z.string(),
  choices: z.array(z.string()).optional(),
  family: z.string().optional(),
  description: z.string().optional(),
  image: z.string().optional(),
})

/**
 * A record of the world, of training and of generic evaluation: `{id, messages, answer, choices?, family?, description?, image?}`. `description` says
 * in words what the image shows. Further fields are kept.
 */
export type DataRecord = z.output<typeof layout>
export type RecordMessage = z.output<typeof message>

/**
 * The records of a `.jsonl`, `.json` or `.parquet` file in order. Paths of images, in `image` and in messages, are relative to the file's folder and
 * come back joined to it. Throws `ERR_DATA` with file and line for a record of another form, and for an image that is not there unless `images: false`.
 */
export async function* readRecords(path: string, { images = true }: ReadOptions = {}): AsyncGenerator<DataRecord> {
  const base = dirname(path)
  for await (const { value, place } of readRows(path, { images })) {
    // a parquet file has every column in every row
    const present = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
    const record = locate(check(layout, present, place, 'ERR_DATA'), base)
    if (images) await checkImages(record, place)
    yield record
  }
}

function locate(record: DataRecord, base: string): DataRecord {
  const resolve = (path: string) => (isAbsolute(path) || /^(?:data|https?|file):/.test(path) ? path : join(base, path))
  const messages = record.messages.map(({ role, content }) => ({
    role,
    content:
      typeof content === 'string'
        ? content
        : content.map((entry) => (entry.type === 'image' ? { ...entry, image: resolve(entry.image) } : entry)),
  }))
  return { ...record, messages, ...(record.image === undefined ? {} : { image: resolve(record.image) }) }
}

async function checkImages(record: DataRecord, place: string): Promise<void> {
  const parts = record.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content))
  const paths = parts.flatMap((entry) => (entry.type === 'image' ? [entry.image] : []))
  for (const path of new Set(record.image === undefined ? paths : [record.image, ...paths])) {
    if (/^(?:data|https?|file):/.test(path)) continue
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (!there) throw error('ERR_DATA', `The image ${path} of record '${record.id}' at ${place} is missing`)
  }
}
