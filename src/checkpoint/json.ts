import { readFile } from 'node:fs/promises'
import { type ErrorCode, error, messageOf } from '../errors.ts'

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// Deeper than any config or header, and far less deep than what exhausts the stack of a recursive function.
const maxDepth = 64

/** A value as an error message shows it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/**
 * The value of `text`. Throws a SyntaxError for what is not JSON, for a key that occurs twice in one object (`JSON.parse`
 * would keep the last without a word, so a file could show one thing to a checker and another to a reader), and for
 * nesting that no such file has.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  checkStructure(text)
  return value
}

/**
 * The JSON object in `file`; `undefined` when the file does not exist, `code` when it holds something else, repeated keys and deep nesting
 * included unless `repeatedKeys` allows them.
 */
export async function readJsonObject(
  file: string,
  code: ErrorCode,
  { repeatedKeys = 'refuse' }: { repeatedKeys?: 'refuse' | 'allow' } = {},
): Promise<JsonObject | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error('ERR_CHECKPOINT_NOT_FOUND', `${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
  let value: unknown
  try {
    value = repeatedKeys === 'allow' ? JSON.parse(text) : parseJson(text)
  } catch (cause) {
    throw error(code, `${file} is not valid JSON: ${messageOf(cause)}`, { cause })
  }
  if (!isObject(value)) throw error(code, `${file}: expected a JSON object but found ${shown(value)}`)
  return value
}

/** Walks over valid JSON; `open` has the keys seen in each object that is still open, and nothing for an array. */
function checkStructure(text: string): void {
  const open: (Set<string> | undefined)[] = []
  let expectsKey = false
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        expectsKey = text[at] === '{'
        open.push(expectsKey ? new Set() : undefined)
        if (open.length > maxDepth) throw new SyntaxError(`objects nested more than ${maxDepth} deep`)
        break
      case '}':
      case ']':
        open.pop()
        expectsKey = false
        break
      case ',':
        expectsKey = open.at(-1) !== undefined
        break
      case '"': {
        const end = endOfString(text, at)
        if (expectsKey) addKey(open.at(-1)!, JSON.parse(text.slice(at, end + 1)) as string)
        expectsKey = false
        at = end
      }
    }
  }
}

function addKey(keys: Set<string>, key: string): void {
  if (keys.has(key)) throw new SyntaxError(`'${key}' occurs twice in one object`)
  keys.add(key)
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
