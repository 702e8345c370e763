import { readFile } from 'node:fs/promises'
import { error } from '../errors.ts'

/** Values of a JSONL file with the byte after each line. Stops before the first line that is not whole; a missing file has none. */
export async function parseLines(path: string): Promise<{ value: unknown; end: number }[]> {
  const content = await readFile(path).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return Buffer.alloc(0)
    throw error('ERR_OUTPUT', `Cannot read ${path}: ${thrown.message}`, { cause: thrown })
  })
  const values: { value: unknown; end: number }[] = []
  for (let begin = 0, end = 0; ; begin = end) {
    end = content.indexOf(0x0a, begin) + 1
    if (end === 0) return values
    try {
      values.push({ value: JSON.parse(content.toString('utf8', begin, end)), end })
    } catch {
      return values
    }
  }
}
