import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import type { ImageSource } from '../model/processor/image-source.ts'
import { hashBytes, hashFile, hashJson } from '../run/hash.ts'

/** Two images and one question, of which each image has its own answer. */
export interface VisionPair {
  id: string
  task: string
  prompt: string
  targetImage: ImageSource
  sourceImage: ImageSource
  targetAnswer?: string
  sourceAnswer?: string
  /** Width and height of the images in the pixels that boxes among the answers count in; without it these are compared as they are. */
  canvas?: [number, number]
}

/** A line that is no pair. It stays in its place and fails there with the reason. */
export interface InvalidPair {
  id: string
  task: string
  invalid: string
}

export const Canvas = z.tuple([z.number().positive(), z.number().positive()])

/** The published tasks, in the order of its figures; others follow by name. */
const publishedTasks = ['counting', 'ocr', 'grounding', 'recognition']

const Line = z.object({
  id: z.string().min(1),
  target_image: z.string().min(1),
  source_image: z.string().min(1),
  prompt: z.string(),
  meta: z.record(z.string(), z.unknown()).default({}),
})

/**
 * Pairs of DIR/<task>/data.jsonl, images relative to the task's directory; every task present, or `tasks` in that order; of each the first
 * `samples` lines. Throws `ERR_DATA` when the directory or a task is missing or has no line.
 */
export async function readPairs(
  directory: string,
  { tasks, samples = Number.POSITIVE_INFINITY }: { tasks?: readonly string[]; samples?: number } = {},
): Promise<(VisionPair | InvalidPair)[]> {
  const present = await tasksIn(directory)
  const missing = tasks?.find((task) => !present.includes(task))
  if (missing !== undefined) {
    throw error(
      'ERR_DATA',
      `${directory} has no task '${missing}' (${missing}/data.jsonl): it has ${present.join(', ') || 'none'}`,
    )
  }
  if (present.length === 0) throw error('ERR_DATA', `${directory} has no task: expected folders that hold a data.jsonl`)
  const pairs = await Promise.all((tasks ?? present).map((task) => readTask(join(directory, task), task, samples)))
  return pairs.flat()
}

async function tasksIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((thrown) => {
    throw error('ERR_DATA', `Cannot read ${directory}: ${messageOf(thrown)}`, { cause: thrown })
  })
  const folders = entries.filter((entry) => !entry.isFile()).map(({ name }) => name)
  const listed = await Promise.all(folders.map((name) => readdir(join(directory, name)).catch((): string[] => [])))
  return folders
    .filter((_, index) => listed[index]!.includes('data.jsonl'))
    .sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1))
}

function order(task: string): number {
  const place = publishedTasks.indexOf(task)
  return place < 0 ? publishedTasks.length : place
}

async function readTask(directory: string, task: string, samples: number): Promise<(VisionPair | InvalidPair)[]> {
  const file = join(directory, 'data.jsonl')
  const lines = (await readFile(file, 'utf8')).split('\n').map((text, index) => ({ text, number: index + 1 }))
  const filled = lines.filter(({ text }) => text.trim() !== '').slice(0, samples)
  if (filled.length === 0) throw error('ERR_DATA', `${file} has no line`)
  return filled.map(({ text, number }) => parseLine(text, directory, task, `${file}:${number}`, number))
}

function parseLine(
  text: string,
  directory: string,
  task: string,
  where: string,
  number: number,
): VisionPair | InvalidPair {
  try {
    const { id, prompt, meta, ...images } = check(Line, JSON.parse(text), where)
    return {
      id,
      task,
      prompt,
      targetImage: join(directory, images.target_image),
      sourceImage: join(directory, images.source_image),
      targetAnswer: answer(meta, 'target'),
      sourceAnswer: answer(meta, 'source'),
      ...canvasOf(meta),
    }
  } catch (thrown) {
    return {
      id: `line ${number}`,
      task,
      invalid: thrown instanceof SyntaxError ? `${where}: ${thrown.message}` : messageOf(thrown),
    }
  }
}

/** SHA-256 of everything about the pairs that decides an answer, the bytes of the images included. */
export async function hashPairs(pairs: readonly (VisionPair | InvalidPair)[]): Promise<string> {
  const hashed: unknown[] = []
  for (const pair of pairs) {
    if ('invalid' in pair) hashed.push({ id: pair.id, task: pair.task })
    else
      hashed.push({
        ...pair,
        targetImage: await hashImage(pair.targetImage),
        sourceImage: await hashImage(pair.sourceImage),
      })
  }
  return hashJson(hashed)
}

/** SHA-256 of an image as it was given. */
export async function hashImage(image: ImageSource): Promise<string> {
  if (image instanceof Uint8Array) return hashBytes(image)
  if (typeof image === 'object' && 'channels' in image) return hashJson({ ...image, data: hashBytes(image.data) })
  const path = String(image).startsWith('file:') ? new URL(image) : image
  // What cannot be read here (a remote image, a missing file) counts by its name, and fails in its turn if it must.
  return hashFile(path).catch(() => String(image))
}

function canvasOf({ canvas_size }: Record<string, unknown>): Pick<VisionPair, 'canvas'> {
  const { success, data } = Canvas.safeParse(canvas_size)
  return success ? { canvas: data } : {}
}

// The name of the field depends on the task; a box is written as the published records have it.
function answer(meta: Record<string, unknown>, of: 'target' | 'source'): string | undefined {
  const value = meta[`${of}_answer`] ?? meta[`${of}_text`] ?? meta[`${of}_bbox_xyxy`]
  if (value === undefined || value === null) return undefined
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value)
}
