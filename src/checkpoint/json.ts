import { readFile } from 'node:fs/promises'
import { type ErrorCode, error, messageOf } from '../errors.ts'

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON object in `file`; `undefined` when the file does not exist, `code` when it holds something else. */
export async function readJsonObject(file: string, code: ErrorCode): Promise<JsonObject | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error('ERR_CHECKPOINT_NOT_FOUND', `${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw error(code, `${file} is not valid JSON: ${messageOf(cause)}`, { cause })
  }
  if (!isObject(value)) throw error(code, `${file}: expected a JSON object but found ${JSON.stringify(value)}`)
  return value
}

/**
 * The first key that occurs twice in one object of `text`, which must be valid JSON. `JSON.parse` keeps the last of
 * them without a word, so a header could show one tensor to a checker and another to a reader.
 */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  let expectsKey = false
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set())
        expectsKey = true
        break
      case '[':
        open.push(undefined)
        expectsKey = false
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
        if (expectsKey) {
          const key = JSON.parse(text.slice(at, end + 1)) as string
          const keys = open.at(-1)!
          if (keys.has(key)) return key
          keys.add(key)
          expectsKey = false
        }
        at = end
      }
    }
  }
  return undefined
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
