import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { byteLength, totalBytes } from '../checkpoint/writer.ts'
import { MergedBytes } from './bytes.ts'
import { type Assignment, isCopy, workingMemory } from './plan.ts'
import type { CheckedOptions, PreparedMerge } from './prepare.ts'

export interface Estimate {
  directory: string
  parameters: number
  /** Of the weights. */
  bytes: number
  /** Largest anonymous memory of the work, in bytes; what files map does not count. */
  memory: number
  seconds: number
  methods: { name: string; parameters: number; bytes: number }[]
}

// Below it the disk's answer says how long an answer takes, not how fast it writes.
const syncedBytes = 1 << 20

/** The cost of a merge, its time from the first piece of the largest parameter of each method. */
export async function estimateMerge(prepared: PreparedMerge, options: CheckedOptions): Promise<Estimate> {
  const { assignments, models, seed } = prepared
  const groups = new Map<string, Assignment[]>()
  for (const assignment of assignments) {
    const name = isCopy(assignment) ? 'copy' : assignment.method.name
    groups.set(name, [...(groups.get(name) ?? []), assignment])
  }
  const methods = [...groups].map(([name, made]) => ({ name, parameters: made.length, bytes: totalBytes(made) }))
  await using merged = new MergedBytes(models, { seed, signal: options.signal })
  const trials = await mkdtemp(path.join(await existing(path.resolve(options.out)), '.frankentorch-trial-'))
  let seconds = 0
  try {
    for (const [name, made] of groups) {
      const largest = made.reduce((a, b) => (byteLength(b) > byteLength(a) ? b : a))
      seconds += (await secondsPerByte(merged, largest, path.join(trials, name))) * totalBytes(made)
    }
  } finally {
    await rm(trials, { recursive: true, force: true })
  }
  return {
    directory: path.resolve(options.out),
    parameters: assignments.length,
    bytes: totalBytes(assignments),
    memory: workingMemory(assignments),
    seconds,
    methods,
  }
}

async function secondsPerByte(merged: MergedBytes, assignment: Assignment, file: string): Promise<number> {
  const handle = await open(file, 'w')
  try {
    const begun = performance.now()
    for await (const piece of merged.of(assignment)) {
      await piece.writeTo(handle.fd, 0)
      if (piece.length >= syncedBytes) await handle.sync()
      return (performance.now() - begun) / 1000 / Math.max(1, piece.length)
    }
    return 0
  } finally {
    await handle.close()
  }
}

async function existing(directory: string): Promise<string> {
  const parent = path.dirname(directory)
  const found = await stat(parent).catch(() => undefined)
  return found?.isDirectory() || parent === directory ? parent : existing(parent)
}
