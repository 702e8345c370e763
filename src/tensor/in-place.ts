import { error } from '../errors.ts'
import { isRecorded, type Recorded } from './instruction.ts'

let effects: Recorded[] | undefined

/** Runs `record`, a synchronous function, in which in-place forms such as `w.mul_(2)` are recorded; they are the `effects`, in order. */
export function withInPlace<T>(record: () => T): { result: T; effects: Recorded[] } {
  const before = effects
  const own: Recorded[] = []
  effects = own
  try {
    return { result: record(), effects: own }
  } finally {
    effects = before
  }
}

/** Throws `ERR_INVALID_ARGUMENT` where nothing may be changed in place. */
export function requireInPlace(name: string): void {
  if (effects) return
  throw error(
    'ERR_INVALID_ARGUMENT',
    `Expected a form that gives a new tensor, such as ${name.slice(0, -1)}(), but received ${name}(): in place only the parameter of model.edit() changes`,
  )
}

/** Keeps what changes a value in place, for no result need come of it. */
export function noteEffect<T>(recorded: T): T {
  if (isRecorded(recorded)) effects?.push(recorded)
  return recorded
}
