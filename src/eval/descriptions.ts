import { z } from 'zod'
import { check } from '../check.ts'
import { type Item, readRows } from '../data/index.ts'
import { error } from '../errors.ts'
import type { Judge } from '../judge/index.ts'
import { shownImage } from './images.ts'
import type { Asked } from './questions.ts'
import { needsDescription } from './settings.ts'

/** The words that stand for an item's image, and where they are from: `data`, `file`, or the model that wrote them. */
export type Describe = (benchmark: string, item: Item, signal: AbortSignal) => Promise<{ text: string; by: string }>

const layout = z.looseObject({
  id: z.coerce.string(),
  description: z.string().min(1),
  /** Where ids of several benchmarks lie in one file. */
  benchmark: z.string().optional(),
})

export interface DescriptionSources {
  /** JSONL, JSON or parquet of `{id, description, benchmark?}`. */
  file?: string
  judge?: Judge
  maxPixels: number
}

/**
 * Descriptions of the data first, then those of the file, then the judge's. Throws `ERR_DATA` for questions that need one and have none, before
 * anything is asked.
 */
export async function describing(
  asked: readonly Asked[],
  { file, judge, maxPixels }: DescriptionSources,
): Promise<Describe> {
  const given = file === undefined ? new Map<string, string>() : await readDescriptions(file)
  const found = (benchmark: string, { id, description }: Item) => {
    const text = given.get(JSON.stringify([benchmark, id])) ?? given.get(JSON.stringify([null, id]))
    if (description !== undefined) return { text: description, by: 'data' }
    return text === undefined ? undefined : { text, by: 'file' }
  }
  if (!judge) requireAll(asked, found)
  return async (benchmark, item, signal) => {
    const words = found(benchmark, item)
    if (words) return words
    if (item.image === undefined)
      throw error('ERR_DATA', `Expected an image of '${item.id}' to describe but it has none`)
    return { text: await judge!.describe(await shownImage(item.image, maxPixels, signal), signal), by: judge!.model }
  }
}

function requireAll(asked: readonly Asked[], found: (benchmark: string, item: Item) => object | undefined): void {
  for (const { task, of, items } of asked) {
    if (!task.settings.some(needsDescription)) continue
    const lacking = items.filter((item) => !found(of.name, item)).map(({ id }) => id)
    if (lacking.length === 0) continue
    const some = lacking.length > 8 ? `${lacking.slice(0, 8).join(', ')}, …` : lacking.join(', ')
    throw error(
      'ERR_DATA',
      `Expected descriptions of the images of ${task.name} but ${lacking.length} of ${items.length} have none: ${some}. ` +
        'Give a file of them (--descriptions) or a judge that writes them (--judge-url)',
    )
  }
}

async function readDescriptions(file: string): Promise<Map<string, string>> {
  const given = new Map<string, string>()
  for await (const { value, place } of readRows(file)) {
    const { id, description, benchmark = null } = check(layout, value, place, 'ERR_DATA')
    given.set(JSON.stringify([benchmark, id]), description)
  }
  return given
}
