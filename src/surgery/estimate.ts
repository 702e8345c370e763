import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { elementCount } from '../checkpoint/safetensors.ts'
import { totalBytes } from '../checkpoint/writer.ts'
import { MergedBytes, type Trial } from './bytes.ts'
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

/** What a method makes in a merge, and the seconds that a trial of it took for each element. */
export interface MethodCost {
  elements: number
  /** Of what is measured of whole parameters beforehand. */
  measuring: number
  /** Of what is computed, or copied, piece by piece. */
  making: number
}

/** Of a parameter, made to learn how fast a method is. */
const trialElements = 1 << 22

/** Written to learn how fast the disk is: much more, and the trial would take long; much less, and it would measure how long an answer takes. */
const trialBytes = 64 << 20

/** The cost of a merge; its time from a trial of each method and of the disk beside `out`, where nothing stays. */
export async function estimateMerge(prepared: PreparedMerge, options: CheckedOptions): Promise<Estimate> {
  const { assignments, models, seed } = prepared
  const groups = new Map<string, Assignment[]>()
  for (const assignment of assignments) {
    const name = isCopy(assignment) ? 'copy' : assignment.method.name
    groups.set(name, [...(groups.get(name) ?? []), assignment])
  }
  const methods = [...groups].map(([name, made]) => ({ name, parameters: made.length, bytes: totalBytes(made) }))
  const bytes = totalBytes(assignments)
  await using merged = new MergedBytes(models, { seed, signal: options.signal })
  const trials = await mkdtemp(path.join(await existing(path.resolve(options.out)), '.frankentorch-trial-'))
  try {
    const costs: MethodCost[] = []
    for (const [name, made] of groups) {
      costs.push(await costOf(made, (assignment) => trialIn(merged, path.join(trials, name), assignment)))
    }
    const writing = await secondsPerByte(path.join(trials, 'bytes'), Math.min(bytes, trialBytes))
    return {
      directory: path.resolve(options.out),
      parameters: assignments.length,
      bytes,
      memory: workingMemory(assignments),
      seconds: secondsOf(costs, bytes * writing),
      methods,
    }
  } finally {
    await rm(trials, { recursive: true, force: true })
  }
}

/** The disk writes while the next piece is made, so that the slower of the two counts. */
export function secondsOf(costs: readonly MethodCost[], writing: number): number {
  return Math.max(
    writing,
    costs.reduce((sum, { elements, measuring, making }) => sum + elements * (measuring + making), 0),
  )
}

/**
 * The cost of making `made`, from `trial` of one parameter that is large enough and, where there is one, another after it: the first starts
 * threads, and what it read is in caches, as nothing of a merge is.
 */
export async function costOf(
  made: readonly Assignment[],
  trial: (assignment: Assignment) => Promise<Trial>,
): Promise<MethodCost> {
  const elementsOf = ({ shape }: Assignment) => elementCount(shape)!
  const sorted = made.toSorted((a, b) => elementsOf(a) - elementsOf(b))
  const enough = sorted.filter((assignment) => elementsOf(assignment) >= trialElements)
  const [first, tried = first!] = enough.length > 0 ? enough : sorted.slice(-1)
  await trial(first!)
  const { measuring, making, elements } = await trial(tried)
  return {
    elements: made.reduce((sum, assignment) => sum + elementsOf(assignment), 0),
    measuring: measuring / Math.max(1, elementsOf(tried)),
    making: making / Math.max(1, elements),
  }
}

async function trialIn(merged: MergedBytes, file: string, assignment: Assignment): Promise<Trial> {
  const handle = await open(file, 'w')
  try {
    return await merged.trial(assignment, handle.fd, trialElements)
  } finally {
    await handle.close()
  }
}

async function secondsPerByte(file: string, bytes: number): Promise<number> {
  const handle = await open(file, 'w')
  try {
    const begun = performance.now()
    for (let done = 0; done < bytes; ) {
      const piece = Buffer.alloc(Math.min(1 << 20, bytes - done), 1)
      done += (await handle.write(piece, 0, piece.length, done)).bytesWritten
    }
    await handle.datasync()
    return (performance.now() - begun) / 1000 / Math.max(1, bytes)
  } finally {
    await handle.close()
  }
}

async function existing(directory: string): Promise<string> {
  const parent = path.dirname(directory)
  const found = await stat(parent).catch(() => undefined)
  return found?.isDirectory() || parent === directory ? parent : existing(parent)
}
