import { access } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import { type Content, checkMessages, type Message } from '../model/processor/messages.ts'
import { type Row, unlessInvalid } from './row.ts'
import { type ReadOptions, readRows } from './rows.ts'

const layout = z.looseObject({
  id: z.coerce.string(),
  messages: z.unknown(),
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
export type DataRecord = z.output<typeof layout> & { messages: Message[] }

/**
 * The records of a `.jsonl`, `.json` or `.parquet` file in order. Paths of images, in `image` and in messages, are relative to the file's folder and
 * come back resolved; messages come back as the model takes them. Throws `ERR_DATA` (`ERR_MESSAGES` for a message) with file and line for a record of
 * another form, and for an image that is not there unless `images: false`; with `onInvalid` it is told of them instead. `only` leaves out the
 * records with other ids, and their images.
 */
export async function* readRecords(
  path: string,
  { images = true, only, onInvalid }: ReadOptions & { only?: ReadonlySet<string> } = {},
): AsyncGenerator<DataRecord> {
  for await (const row of readRows(path, { images, onInvalid })) {
    const found = await unlessInvalid(row.place, onInvalid, () => recordOf(path, row, images, only))
    if (found) yield found
  }
}

// Undefined for one that is not among those wanted.
async function recordOf(
  path: string,
  { value, place }: Row,
  images: boolean,
  only: ReadonlySet<string> | undefined,
): Promise<DataRecord | undefined> {
  const locate = (file: string) => (isAddress(file) ? file : resolve(dirname(path), file))
  // a parquet file has every column in every row
  const present = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
  const { image, ...record } = check(layout, present, place, 'ERR_DATA')
  if (only && !only.has(record.id)) return undefined
  const messages = checkMessages(record.messages, `${place}.messages`).map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map((part) => located(part, locate)),
  }))
  const found: DataRecord = { ...record, messages, ...(image === undefined ? {} : { image: locate(image) }) }
  if (images) await requireImages(found, place)
  return found
}

function isAddress(path: string): boolean {
  return /^[a-z][a-z+.-]+:/i.test(path)
}

function located(part: Content, locate: (path: string) => string): Content {
  if (part.type === 'image' && typeof part.image === 'string') return { ...part, image: locate(part.image) }
  if (part.type === 'video' && typeof part.video === 'string') return { ...part, video: locate(part.video) }
  if (part.type !== 'video' || !Array.isArray(part.video)) return part
  return { ...part, video: part.video.map((frame) => (typeof frame === 'string' ? locate(frame) : frame)) }
}

async function requireImages({ id, image, messages }: DataRecord, place: string): Promise<void> {
  const parts = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content))
  const sources = parts.flatMap((part) => (part.type === 'text' ? [] : part.type === 'image' ? part.image : part.video))
  const files = [image, ...sources].filter((source): source is string => typeof source === 'string')
  for (const file of new Set(files)) {
    if (isAddress(file)) continue
    const there = await access(file).then(
      () => true,
      () => false,
    )
    if (!there) throw error('ERR_DATA', `The image ${file} of record '${id}' at ${place} is missing`)
  }
}
