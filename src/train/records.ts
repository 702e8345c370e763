import { type DataRecord, readRecords } from '../data/record.ts'
import { error } from '../errors.ts'

/** Every record of a data file. Throws `ERR_DATA` (or `ERR_MESSAGES`) naming the place of a bad one, and for a file without any. */
export async function allRecords(path: string): Promise<DataRecord[]> {
  const records: DataRecord[] = []
  for await (const record of readRecords(path)) records.push(record)
  if (records.length === 0) throw error('ERR_DATA', `${path} has no records`)
  return records
}

/** Adds which records a step was about to what went wrong in it. */
export function named(thrown: unknown, step: number, records: readonly DataRecord[]): unknown {
  if (!(thrown instanceof Error) || !('code' in thrown) || thrown.code === 'ERR_ABORTED') return thrown
  const ids = [...new Set(records.map(({ id }) => id))]
  const shown = ids.slice(0, 5).join(', ') + (ids.length > 5 ? ` and ${ids.length - 5} more` : '')
  thrown.message = `${thrown.message} in step ${step + 1} (records ${shown})`
  return thrown
}
