import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expected } from '../check.ts'
import { type Benchmark, benchmark, type Item } from '../data/index.ts'
import { error } from '../errors.ts'
import type { RunConfig } from '../run/config.ts'
import { hashFile, hashJson } from '../run/hash.ts'
import { sampleIds } from '../statistics/index.ts'
import type { Task } from './tasks.ts'

/** A task with its questions read. */
export interface Asked {
  task: Task
  of: Benchmark
  split: string
  /** Path and hash of each data file, by `<benchmark>/<file>`. */
  sources: RunConfig['data']
  /** Hash over the names and hashes of the data files. */
  dataSha256: string
  /** How many items the task selects from. */
  population: number
  /** Those asked, in the order of the data. */
  items: Item[]
}

export interface QuestionOptions {
  /** The benchmark's own file or folder; its data set in the Hugging Face cache by default. */
  data?: string
  /** Where the benchmark has that split; its first by default. */
  split?: string
  /** How many items; the task's own number by default. */
  samples?: number
  seed: number
  /** Whether they are to be asked, and their images must be there. Default true. */
  images?: boolean
}

/**
 * The questions of a task: those it selects, of which `samples` are drawn as the paper draws them (`sampleIds`). Images of the others need not be there.
 * Throws `ERR_DATA` when there are none, and what the readers throw.
 */
export async function readQuestions(
  task: Task,
  { data, split: wanted, samples = task.samples, seed, images = true }: QuestionOptions,
): Promise<Asked> {
  const of = benchmark(task.benchmark)
  const source = data ?? of.hub
  if (source === undefined) throw expected('a file or folder', 'options.data', data)
  const split = wanted !== undefined && of.splits.includes(wanted) ? wanted : of.splits[0]!
  const selected: string[] = []
  for await (const item of of.read(source, { split, images: false })) {
    if (task.select?.(item) ?? true) selected.push(item.id)
  }
  if (selected.length === 0) {
    const what = task.selects === undefined ? 'a question' : `a question with ${task.selects}`
    throw error('ERR_DATA', `Expected ${what} for ${task.name} in ${source} but found none`)
  }
  const chosen = samples === undefined ? selected : sampleIds(selected.length, samples, seed).map((i) => selected[i]!)
  const items: Item[] = []
  for await (const item of of.read(source, { split, images, only: new Set(chosen) })) items.push(item)
  const sources: RunConfig['data'] = {}
  for (const path of await of.files(source, { split })) {
    sources[`${of.name}/${basename(path)}`] = { path, sha256: await hashFile(path) }
  }
  const dataSha256 = hashJson(Object.entries(sources).map(([name, { sha256 }]) => [name, sha256]))
  return { task, of, split, sources, dataSha256, population: selected.length, items }
}

/**
 * Where a benchmark's data lie below `data`: in a folder named after it; in `data` itself where it is the only benchmark asked for; for data records
 * in the folder `world` too.
 */
export async function dataOf(benchmark: string, data: string, several: boolean): Promise<string> {
  const candidates = benchmark === 'generic' ? [benchmark, 'world'] : [benchmark]
  for (const name of candidates) {
    const folder = join(data, name)
    if (await exists(folder)) return folder
  }
  if (!several || (benchmark === 'generic' && (await isWorld(data)))) return data
  return join(data, benchmark)
}

export function isWorld(data: string): Promise<boolean> {
  return exists(join(data, 'world.json'))
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
