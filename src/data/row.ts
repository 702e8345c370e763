/** One record of a data file with the place an error message names: `test.jsonl:12`, `train.parquet row 12`. */
export interface Row {
  value: Record<string, unknown>
  place: string
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
