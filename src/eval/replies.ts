import { basename } from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { type Benchmark, benchmark, type Item, readRows } from '../data/index.ts'
import { error } from '../errors.ts'
import { hashFile } from '../run/hash.ts'
import { openRun } from '../run/run.ts'
import { type Scored, score } from './scoring.ts'
import { type Summary, summarise } from './summary.ts'

const optionsSchema = z.strictObject({
  /** JSONL, JSON or parquet of replies: `id` (or the benchmark's own id field), `response`, optionally `setting` and `model`. */
  replies: z.string(),
  /** Name of the benchmark. */
  task: z.string(),
  /** The benchmark's file or folder, or a data set on the Hub in the Hugging Face cache; the benchmark's own there by default. */
  data: z.string().optional(),
  /** Directory of the results. */
  out: z.string(),
  /** Split of the benchmark; its first by default. */
  split: z.string().optional(),
  /** What the model was shown, where a reply does not say: `image` by default. */
  setting: z.string().default('image'),
  /** Field of a reply that holds an extraction made elsewhere, to be used in place of ours by the benchmark's rule. */
  extraction: z.string().optional(),
  /** Replies to several benchmarks lie in one file: each says which it belongs to in its field `task`, and those to others are left out. */
  mixed: z.boolean().default(false),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(progress: { done: number; total: number }) => void>().optional(),
})

export type ScoreRepliesOptions = z.input<typeof optionsSchema>

/** A line of `<task>.jsonl`. */
export interface ScoredReply extends Scored {
  id: string
  task: string
  setting: string
  response: string
  model?: string
}

/** `<task>.summary.json`: the accuracies, and how many items of the data have no reply. */
export interface RepliesSummary extends Summary {
  task: string
  split: string
  items: number
  missing: number
}

/**
 * Scores replies made elsewhere against a benchmark, without a model. Writes `<task>.jsonl`, one record a reply in the order of the data, and
 * `<task>.summary.json` to `out`, each at once under its final name. Data images are not needed.
 *
 * Throws `ERR_DATA` for a reply that names no item, two replies to one item in one setting, and what the readers throw.
 */
export async function scoreReplies(
  options: ScoreRepliesOptions,
): Promise<{ summary: RepliesSummary; records: ScoredReply[] }> {
  const { task, out, overwrite, signal, onProgress, ...checked } = check(optionsSchema, options)
  const of = benchmark(task)
  const data = checked.data ?? of.hub
  if (data === undefined) throw expected('a file or folder', 'options.data', data)
  const split = checked.split ?? of.splits[0]!
  const files = await of.files(data, { split })
  const items = new Map<string, Item>()
  for await (const item of of.read(data, { split, images: false })) items.set(item.id, item)
  const replies = await readReplies(checked, of, items)

  const { setting, extraction = null } = checked
  await using run = await openRun({
    out,
    command: 'eval --replies',
    arguments: { task, split, setting, extraction },
    data: await hashes({ replies: checked.replies, ...named(task, files) }),
    overwrite,
  })
  const records: ScoredReply[] = []
  for (const reply of replies) {
    if (signal?.aborted) throw error('ERR_ABORTED', `Aborted after ${records.length} of ${replies.length} replies`)
    records.push(await scored(of, items.get(reply.id)!, reply))
    onProgress?.({ done: records.length, total: replies.length })
  }
  const verdicts = records.map((verdict) => ({ item: items.get(verdict.id)!, verdict }))
  const missing = items.size - new Set(records.map(({ id }) => id)).size
  const summary = { task, split, items: items.size, missing, ...summarise(verdicts, of.breakdowns) }
  await run.write(`${task}.jsonl`, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  await run.writeJson(`${task}.summary.json`, summary)
  return { summary, records }
}

interface Reply {
  id: string
  setting: string
  response: string
  given?: string
  model?: string
}

const replySchema = z.looseObject({
  response: z.string().nullable(),
  setting: z.string().optional(),
  model: z.string().optional(),
})

async function readReplies(
  {
    replies: path,
    setting: shown,
    extraction,
    mixed,
  }: { replies: string; setting: string; extraction?: string; mixed: boolean },
  of: Benchmark,
  items: ReadonlyMap<string, Item>,
): Promise<Reply[]> {
  const found = new Map<string, Reply & { place: string }>()
  for await (const { value, place } of readRows(path)) {
    if (mixed && check(z.string(), value.task, `${place}.task`, 'ERR_DATA') !== of.name) continue
    const { response, setting = shown, model } = check(replySchema, value, place, 'ERR_DATA')
    const id = of.id(value)
    if (id === undefined) throw error('ERR_DATA', `Expected the id of a ${of.name} question at ${place} but found none`)
    if (!items.has(id)) {
      throw error('ERR_DATA', `The reply at ${place} names '${id}', which is none of the ${items.size} questions read`)
    }
    const key = JSON.stringify([id, setting])
    const earlier = found.get(key)
    if (earlier) throw error('ERR_DATA', `Two replies to '${id}' in setting ${setting}: ${earlier.place} and ${place}`)
    const given =
      extraction === undefined ? undefined : check(givenSchema, value[extraction], `${place}.${extraction}`, 'ERR_DATA')
    found.set(key, { id, setting, response: response ?? '', given: given ?? undefined, model, place })
  }
  const order = new Map([...items.keys()].map((id, position) => [id, position]))
  return [...found.values()].sort((a, b) => order.get(a.id)! - order.get(b.id)!)
}

const givenSchema = z.string().nullish()

async function scored(of: Benchmark, item: Item, reply: Reply): Promise<ScoredReply> {
  const { id, setting, response, given, model } = reply
  const verdict = await score(of, item, response, given)
  return { id, task: of.name, setting, response, ...verdict, ...(model === undefined ? {} : { model }) }
}

function named(task: string, files: readonly string[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [`${task}/${basename(file)}`, file]))
}

async function hashes(files: Readonly<Record<string, string>>) {
  const hashed: Record<string, { path: string; sha256: string }> = {}
  for (const [name, path] of Object.entries(files)) hashed[name] = { path, sha256: await hashFile(path) }
  return hashed
}
