import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { error } from '../errors.ts'
import { LineFile } from './files.ts'
import { parseLines } from './records.ts'

export const SampleEntry = z.strictObject({
  file: z.string(),
  sample: z.string(),
  failed: z.boolean(),
  /** Length in bytes of each file of the run once this sample is finished. */
  ends: z.record(z.string(), z.int().min(0)),
})
const Entry = z.union([SampleEntry, z.strictObject({ output: z.string() })])
export type SampleEntry = z.infer<typeof SampleEntry>
type Entry = z.infer<typeof Entry>

/**
 * What a run has finished. A sample's records reach the disk first and its entry here second, so an entry vouches for the bytes
 * before it, and bytes after the last entry belong to an unfinished sample and are cut when the run is taken up again.
 */
export class Journal {
  static readonly file = 'journal.jsonl'
  private readonly lines: LineFile
  private readonly entries: Entry[]

  private constructor(lines: LineFile, entries: Entry[]) {
    this.lines = lines
    this.entries = entries
  }

  /** Opens the journal of a run directory, dropping entries from the first on whose bytes are not there. */
  static async open(directory: string): Promise<Journal> {
    const path = join(directory, Journal.file)
    const lines = await LineFile.open(path)
    const entries: Entry[] = []
    let end = 0
    for (const { value, end: lineEnd } of await parseLines(path)) {
      const entry = Entry.safeParse(value)
      if (!entry.success || !(await holds(directory, entry.data))) break
      entries.push(entry.data)
      end = lineEnd
    }
    if (end < lines.end) await lines.truncate(end)
    return new Journal(lines, entries)
  }

  /** Finished samples of a record file, in order. */
  samples(file: string): SampleEntry[] {
    return this.entries.filter((entry): entry is SampleEntry => 'sample' in entry && entry.file === file)
  }

  /** Length in bytes that `file` has by the last entry that names it. */
  endOf(file: string): number {
    return (
      this.entries.findLast((entry): entry is SampleEntry => 'ends' in entry && file in entry.ends)?.ends[file] ?? 0
    )
  }

  /** Every file the run has written, relative to its directory. */
  files(): string[] {
    const named = this.entries.flatMap((entry) => ('output' in entry ? [entry.output] : Object.keys(entry.ends)))
    return [...new Set(named)]
  }

  async add(entry: Entry): Promise<void> {
    await this.lines.append([entry])
    this.entries.push(entry)
  }

  async addOutput(output: string): Promise<void> {
    if (!this.entries.some((entry) => 'output' in entry && entry.output === output)) await this.add({ output })
  }

  async close(): Promise<void> {
    await this.lines.close()
  }
}

async function holds(directory: string, entry: Entry): Promise<boolean> {
  if ('output' in entry) return true
  const present = await Promise.all(
    Object.entries(entry.ends).map(async ([file, end]) => {
      const size = await stat(join(directory, file)).then(
        ({ size }) => size,
        () => 0,
      )
      return size >= end
    }),
  )
  return present.every(Boolean)
}

/** Throws `ERR_RUN_MISMATCH` when the samples finished so far are not the first of `ids`. */
export function requireSameSamples(directory: string, finished: readonly SampleEntry[], ids: readonly string[]): void {
  const at = finished.findIndex(({ sample }, index) => sample !== ids[index])
  if (at < 0) return
  throw error(
    'ERR_RUN_MISMATCH',
    `${directory} holds '${finished[at]!.sample}' as sample ${at + 1} of ${finished[at]!.file}, this run has ` +
      `${ids[at] === undefined ? 'no such sample' : `'${ids[at]}'`}: choose another directory, or overwrite the run (--overwrite)`,
  )
}
