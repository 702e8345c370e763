import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { error, isErrorCode } from '../errors.ts'
import { RunConfig, requireSameConfig } from './config.ts'
import { SampleEntry } from './journal.ts'
import { parseLines } from './records.ts'
import { type Failure, openRun, type Run, type RunOptions } from './run.ts'

/** The shards of a run, read and found to belong together. */
export interface Shards {
  /** Of the run they make up. */
  config: RunConfig
  file: string
  /** In the order of the run. */
  samples: { id: string; records: object[]; failure?: Failure }[]
}

/**
 * Reads the directories of all shards of one run, in any order. Throws `ERR_RUN_MISMATCH` for one that is no shard, belongs to another run, or is not
 * finished (its summary is missing), and for shards that are missing or given twice.
 */
export async function readShards(directories: readonly string[]): Promise<Shards> {
  const shards = await Promise.all(directories.map(readShard))
  const [first] = shards
  if (!first) throw error('ERR_RUN_MISMATCH', 'Expected the directories of shards but received none')
  for (const { directory, config } of shards) requireSameConfig(directory, config, first.config)
  const places = shards.map(({ index }) => index)
  const wanted = Array.from({ length: first.count }, (_, i) => i + 1)
  const missing = wanted.filter((index) => !places.includes(index))
  if (missing.length > 0 || shards.length !== first.count || shards.some(({ count }) => count !== first.count)) {
    throw error(
      'ERR_RUN_MISMATCH',
      `Expected each of the ${first.count} shards once but received ${shards.map(({ index, count }) => `${index}/${count}`).join(', ')}`,
    )
  }
  shards.sort((a, b) => a.index - b.index)
  return { config: first.config, file: first.file, samples: shards.flatMap(({ samples }) => samples) }
}

/** A run at `out` with the samples of its shards: its records are those of a run that was never split. */
export async function replay(
  { config, file, samples }: Shards,
  { out, overwrite, signal }: Pick<RunOptions, 'out' | 'overwrite' | 'signal'>,
): Promise<Run> {
  const { command, arguments: arguments_, models, data } = config
  const run = await openRun({ out, overwrite, signal, command, arguments: arguments_, models, data })
  try {
    await run.forEach(file, samples, async ({ records, failure }) => {
      if (!failure) return records
      const { code, message } = failure
      throw code !== null && isErrorCode(code) ? error(code, message) : new Error(message)
    })
    return run
  } catch (thrown) {
    await run.close()
    throw thrown
  }
}

async function readShard(directory: string) {
  const text = await readFile(join(directory, 'config.json'), 'utf8').catch(() => 'null')
  const parsed = RunConfig.safeParse(JSON.parse(text))
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(String(parsed.data?.arguments.shard)) ?? []
  if (!parsed.success || index === undefined)
    throw error('ERR_RUN_MISMATCH', `Expected a run of --shard in ${directory} but found none`)
  const { shard: _, ...arguments_ } = parsed.data.arguments
  const entries = (await parseLines(join(directory, 'journal.jsonl'))).map(({ value }) => value)
  if (!entries.some((entry) => typeof entry === 'object' && entry !== null && 'output' in entry))
    throw error('ERR_RUN_MISMATCH', `Shard ${index}/${count} in ${directory} is not finished: run it again first`)
  const finished = entries.flatMap((entry) => SampleEntry.safeParse(entry).data ?? [])
  const file = finished[0]?.file
  const records = file === undefined ? [] : await parseLines(join(directory, file))
  const failures = (await parseLines(join(directory, 'failures.jsonl'))).map(({ value }) => value as Failure)
  let begin = 0
  const samples = finished.map(({ sample: id, failed, ends }) => {
    const end = ends[file!]!
    const own = records.filter((record) => record.end > begin && record.end <= end).map(({ value }) => value as object)
    begin = end
    return { id, records: own, failure: failed ? failures.find(({ sample }) => sample === id) : undefined }
  })
  return {
    directory,
    index: Number(index),
    count: Number(count),
    config: { ...parsed.data, arguments: arguments_ },
    file: file ?? '',
    samples,
  }
}
