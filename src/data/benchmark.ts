import { expected } from '../check.ts'
import { error } from '../errors.ts'
import type { Message } from '../model/processor/messages.ts'
import { type DataImage, rowImage } from './image.ts'
import { splitFiles } from './locate.ts'
import { type PromptStyle, prompt, type Question } from './prompt.ts'
import { type InvalidRow, type Row, unlessInvalid } from './row.ts'
import { type ReadOptions, readRows } from './rows.ts'

/** One question of a benchmark. */
export interface Item {
  id: string
  question: string
  /** What the benchmark holds to be right, as it writes it: a letter, the text of a choice, a number, LaTeX. */
  answer: string
  choices?: string[]
  image?: DataImage
  /** What the image shows, in words. */
  description?: string
  /** The conversation that asks it, where the record brings one. */
  messages?: Message[]
  /** Decimals to which a float answer is compared. */
  precision?: number
  unit?: string
  /** By which results are broken down: `{ subject: 'algebra', level: '2' }`; several values where an item belongs to several groups. */
  groups: Record<string, string | string[]>
}

/** A verdict with the steps that led to it. */
export interface Score {
  /** What was found in the reply, '' for nothing. */
  extracted: string
  /** The extraction in the form that was compared; null when it cannot have that form. */
  prediction: string | null
  correct: boolean
}

export interface BenchmarkReadOptions extends ReadOptions {
  split?: string
  /** Ids of the items that are wanted; the images of others need not be there. */
  only?: ReadonlySet<string>
}

export interface Benchmark {
  readonly name: string
  readonly splits: readonly string[]
  /** The data set on the Hub, which can stand for `source` when it is in the Hugging Face cache. */
  readonly hub?: string
  /** Combinations of groups whose accuracies the benchmark reports. */
  readonly breakdowns: readonly (readonly string[])[]
  /** The files that `read` reads, for their hashes. */
  files(source: string, options?: Pick<BenchmarkReadOptions, 'split'>): Promise<string[]>
  /**
   * The items of a split, in the order of its files. `source`: a file, a folder, or a data set of the Hub in the Hugging Face cache (`org/name`).
   * Throws `ERR_DATA` with file and record for what does not fit the layout, and for missing images unless `images: false`; with `onInvalid` it is
   * told of them instead.
   */
  read(source: string, options?: BenchmarkReadOptions): AsyncGenerator<Item>
  /** The item id that a record (of the benchmark, or of replies in its output format) names, or undefined. */
  id(record: Readonly<Record<string, unknown>>): string | undefined
  ask(item: Item, style?: PromptStyle): Message[]
  /** The benchmark's own verdict. `given` is an extraction made elsewhere (by a judge model, say) and takes the place of ours. */
  score(item: Item, response: string, given?: string): Score
}

/** What one benchmark's file says; `defineBenchmark` adds what all of them do alike. */
export interface BenchmarkDefinition extends Pick<Benchmark, 'name' | 'hub' | 'breakdowns' | 'id'> {
  /** Split → names of its files without extension. The first split is the default. */
  splits: Readonly<Record<string, readonly string[]>>
  /** Folders in which the files may lie; any when absent. */
  folders?: readonly string[]
  item(row: Row, index: number): Omit<Item, 'image'>
  /** The value that holds the image, undefined for an item without one, and folders in which its files may lie. */
  image?(value: Readonly<Record<string, unknown>>): unknown
  imageFolders?: readonly string[]
  question?(item: Item): Omit<Question, 'image'>
  extract(response: string, item: Item): string
  judge(item: Item, extracted: string): Omit<Score, 'extracted'>
}

export function defineBenchmark(definition: BenchmarkDefinition): Benchmark {
  const { name, hub, breakdowns, id, extract, judge, question = asWritten } = definition
  const splits = Object.keys(definition.splits)

  async function files(source: string, { split = splits[0]! }: BenchmarkReadOptions = {}): Promise<string[]> {
    if (Object.hasOwn(definition.splits, split)) {
      return await splitFiles(source, definition.splits[split]!, definition.folders)
    }
    throw expected(`one of ${splits.join(', ')}`, `the split of ${name}`, split)
  }

  async function* read(source: string, options: BenchmarkReadOptions = {}): AsyncGenerator<Item> {
    const { images = true, only } = options
    const places = new Map<string, string>()
    let index = 0
    const onInvalid =
      options.onInvalid &&
      ((invalid: InvalidRow) => {
        index++
        options.onInvalid!(invalid)
      })
    for (const file of await files(source, options)) {
      for await (const row of readRows(file, { images, onInvalid })) {
        const item = await unlessInvalid(row.place, options.onInvalid, async () => {
          const item: Item = definition.item(row, index)
          const earlier = places.get(item.id)
          if (earlier)
            throw error('ERR_DATA', `Expected different ids but ${row.place} and ${earlier} both have '${item.id}'`)
          places.set(item.id, row.place)
          if (only && !only.has(item.id)) return undefined
          const image = images ? definition.image?.(row.value) : undefined
          return image === undefined
            ? item
            : { ...item, image: await rowImage(file, row, image, definition.imageFolders) }
        })
        index++
        if (item) yield item
      }
    }
  }

  return {
    name,
    hub,
    splits,
    breakdowns,
    files,
    read,
    id,
    ask: (item, style) => prompt({ ...question(item), image: item.image }, style),
    score(item, response, given) {
      const extracted = given ?? extract(response, item)
      return { extracted, ...judge(item, extracted) }
    },
  }
}

/** The first of `values` that is there, as an id. */
export function identifier(...values: readonly unknown[]): string | undefined {
  const found = values.find((value) => value !== undefined && value !== null)
  return found === undefined ? undefined : String(found)
}

function asWritten({ question, choices }: Item): Omit<Question, 'image'> {
  return { text: question, choices }
}
