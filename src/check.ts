import type { z } from 'zod'
import { type ErrorCode, error } from './errors.ts'

/**
 * Checks `value` at the border of a public function and returns it with defaults filled in.
 * Throws `ERR_INVALID_ARGUMENT` (or `ERR_UNKNOWN_OPTION`) with "Expected X for *name* but received Y".
 */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  name = 'options',
  code: ErrorCode = 'ERR_INVALID_ARGUMENT',
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = deepest(result.error.issues[0]!)
  const path = [name, ...issue.path.map(String)]
  if (issue.code === 'unrecognized_keys') {
    const options = 'shape' in schema ? Object.keys(schema.shape as object).join(', ') : ''
    const given = issue.keys.map((key) => `'${key}'`).join(', ')
    throw error(
      'ERR_UNKNOWN_OPTION',
      `Expected only ${options || 'known keys'} in ${path.join('.')} but received ${given}`,
    )
  }
  throw expected(expectation(issue), path.join('.'), at(value, issue.path), code)
}

/** The one form of every argument error. */
export function expected(
  what: string,
  name: string,
  received: unknown,
  code: ErrorCode = 'ERR_INVALID_ARGUMENT',
): Error {
  return error(code, `Expected ${what} for ${name} but received ${describe(received)}`)
}

/** A value as an error message shows it: short, with its type where the text alone would mislead. */
export function describe(value: unknown, depth = 0): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'string') return `'${value.length > 80 ? `${value.slice(0, 77)}…` : value}'`
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) {
    // deep lists say nothing, and one that holds itself has no end
    const text = value.length <= 8 && depth < 3 ? `[${value.map((item) => describe(item, depth + 1)).join(', ')}]` : ''
    return text && text.length <= 80 ? text : `an array of ${value.length}`
  }
  const type = (value as object).constructor?.name ?? 'object'
  return type === 'Object' ? `an object with ${Object.keys(value as object).join(', ') || 'no keys'}` : `a ${type}`
}

type Issue = z.core.$ZodIssue

// A union reports its branches; the one that got furthest into the value says most.
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue
  const inner = issue.errors
    .filter((branch) => branch.length > 0)
    .map((branch) => deepest(branch[0]!))
    .sort((a, b) => b.path.length - a.path.length)[0]
  return inner && inner.path.length > 0 ? ({ ...inner, path: [...issue.path, ...inner.path] } as Issue) : issue
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected === 'int' ? 'integer' : issue.expected)
    case 'too_small':
      return `${origin(issue.origin)} ${issue.inclusive === false ? '>' : '≥'} ${issue.minimum}`
    case 'too_big':
      return `${origin(issue.origin)} ${issue.inclusive === false ? '<' : '≤'} ${issue.maximum}`
    case 'invalid_value':
      return issue.values.length === 1
        ? describe(issue.values[0])
        : `one of ${issue.values.map((value) => describe(value)).join(', ')}`
    case 'invalid_union':
      return issue.errors
        .map((branch) => (branch[0] ? expectation(branch[0]) : ''))
        .filter(Boolean)
        .join(' or ')
    default:
      // refinements carry their own words: `.refine(test, 'a multiple of 28')`
      return issue.message
  }
}

function origin(kind: string): string {
  if (kind === 'string') return 'a string of length'
  if (kind === 'array') return 'an array of length'
  return kind === 'int' ? 'an integer' : `a ${kind}`
}

function article(noun: string): string {
  return noun === 'undefined' || noun === 'null' ? noun : `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value)
}
