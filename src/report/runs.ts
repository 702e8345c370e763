import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import type { z } from 'zod'
import { check } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import { RunConfig } from '../run/config.ts'
import { manifestFile, type Role, StudyManifest } from './manifest.ts'

/** A run directory that a report was asked for, or found below one. */
export interface FoundRun {
  directory: string
  /** Relative to the report's directory. */
  place: string
  config: RunConfig
}

/** Everything of a directory that a report may speak of. */
export interface Material {
  root: string
  runs: FoundRun[]
  manifest?: StudyManifest
}

const deepest = 5

/** Finds the runs at and below `root`. Throws `ERR_DATA` when there is none. */
export async function readMaterial(root: string): Promise<Material> {
  const runs: FoundRun[] = []
  await visit(resolve(root), 0, async (directory) => {
    const config = await readRunConfig(directory)
    if (config) runs.push({ directory, place: relative(resolve(root), directory) || '.', config })
  })
  if (runs.length === 0)
    throw error(
      'ERR_DATA',
      `${root} holds no run: expected a directory with config.json that probe, compare, eval, train or study wrote`,
    )
  const manifest = await readJson(join(root, manifestFile), StudyManifest)
  return { root: resolve(root), runs, manifest }
}

async function visit(directory: string, depth: number, at: (directory: string) => Promise<void>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((thrown) => {
    throw error('ERR_DATA', `Cannot read ${directory}: ${messageOf(thrown)}`, { cause: thrown })
  })
  if (entries.some(({ name }) => name === 'config.json')) await at(directory)
  if (depth === deepest) return
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name)
  for (const name of folders.sort()) await visit(join(directory, name), depth + 1, at)
}

// A checkpoint has a config.json too, of another form.
async function readRunConfig(directory: string): Promise<RunConfig | undefined> {
  const text = await readFile(join(directory, 'config.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return RunConfig.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** A JSON file in the form that `schema` has, or `undefined` when there is none. Throws `ERR_DATA` for another form. */
export async function readJson<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined
    throw error('ERR_DATA', `Cannot read ${file}: ${thrown.message}`, { cause: thrown })
  })
  return text === undefined ? undefined : check(schema, parse(text, file), file, 'ERR_DATA')
}

/** The lines of a JSONL file, none when there is no file; a last line that is not whole is left out. */
export async function readLines<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.output<Schema>[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
  return lines.map((line, index) => check(schema, parse(line, file), `${file}:${index + 1}`, 'ERR_DATA'))
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw error('ERR_DATA', `${file} is no JSON: ${messageOf(cause)}`, { cause })
  }
}

/** How a run's one model is called: as the study calls it, else by the folder of the run inside its kind, else by its checkpoint. */
export function modelOf({ directory, config, place }: FoundRun, { manifest }: Material): string {
  const folder = basename(directory)
  const known = Object.entries(manifest?.models ?? {}).find(([name, model]) => [name, model.folder].includes(folder))
  if (known) return known[0]
  const path = Object.values(config.models)[0]?.path
  return path === undefined ? place : basename(path)
}

export function roleOf(model: string, { manifest }: Material): Role {
  const known = manifest?.models[model]?.role
  if (known) return known
  const plain = model.toLowerCase()
  return plain === 'base' || plain === 'in' || plain === 'rl' ? plain : 'other'
}

/** Names in the order of the study, others after them as they come. */
export function inStudyOrder(names: Iterable<string>, { manifest }: Material): string[] {
  const order = Object.keys(manifest?.models ?? {})
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return [...new Set(names)].sort((a, b) => place(a) - place(b))
}
