/** One record of a data file with the place an error message names: `test.jsonl:12`, `train.parquet row 12`. */
export interface Row {
  value: Record<string, unknown>
  place: string
}

/** What stands where a record is expected and is none. */
export interface InvalidRow {
  place: string
  reason: unknown
}

/** What `make` gives; where it throws, undefined, and `onInvalid` is told. Without that it throws. */
export async function unlessInvalid<T>(
  place: string,
  onInvalid: ((invalid: InvalidRow) => void) | undefined,
  make: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await make()
  } catch (reason) {
    if (!onInvalid) throw reason
    onInvalid({ place, reason })
    return undefined
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
