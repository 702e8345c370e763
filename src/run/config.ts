import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { describe } from '../check.ts'
import { error } from '../errors.ts'

const Source = z.strictObject({
  /** Where it was read; provenance only, so that a moved checkpoint or dataset continues its run. */
  path: z.string().optional(),
  sha256: z.string(),
})

/** What decides the records of a run: two runs with equal configs write equal files. */
export const RunConfig = z.strictObject({
  schema: z.literal(1),
  command: z.string(),
  arguments: z.record(z.string(), z.json()),
  models: z.record(z.string(), Source),
  data: z.record(z.string(), Source),
  version: z.string(),
})
export type RunConfig = z.infer<typeof RunConfig>

/** Throws `ERR_RUN_MISMATCH` naming the first field in which `now` differs from the run found in `directory`. */
export function requireSameConfig(directory: string, found: RunConfig, now: RunConfig): void {
  const field = differingField(withoutPaths(found), withoutPaths(now), [])
  if (field === undefined) return
  const [before, after] = [at(found, field), at(now, field)]
  throw error(
    'ERR_RUN_MISMATCH',
    `${directory} holds a run with ${field.join('.')} = ${shown(before)}, this one has ${shown(after)}: ` +
      'choose another directory, or overwrite the run (--overwrite)',
  )
}

function withoutPaths(config: RunConfig): unknown {
  return JSON.parse(
    JSON.stringify(config, (key, value) => (key === 'models' || key === 'data' ? hashes(value) : value)),
  )
}

function hashes(sources: RunConfig['models']): unknown {
  return Object.fromEntries(Object.entries(sources).map(([name, { sha256 }]) => [name, { sha256 }]))
}

function differingField(a: unknown, b: unknown, path: string[]): string[] | undefined {
  if (isDeepStrictEqual(a, b)) return undefined
  if (!isRecord(a) || !isRecord(b)) return path
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return keys.map((key) => differingField(a[key], b[key], [...path, key])).find((found) => found !== undefined)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value)
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : describe(value)
}
