import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { error } from '../errors.ts'
import { dataPath } from './hub.ts'

const formats = ['parquet', 'jsonl', 'json'] as const

interface Found {
  folder: string
  name: string
}

/**
 * The files of one split: `source` itself when it is a file, else what lies in that folder (or Hub snapshot) or one level below it under the
 * names the Hub uses: `test.jsonl`, `data/test-00000-of-00003-….parquet`, `main/test-….parquet`. Parquet goes before JSONL before JSON, because
 * only parquet brings its images along. A split may consist of several `names`, of which at least one must be there. `folders` limits the search
 * below `source`, for sets whose folders are configurations.
 */
export async function splitFiles(
  source: string,
  names: readonly string[],
  folders?: readonly string[],
): Promise<string[]> {
  const root = await dataPath(source)
  if ((await stat(root)).isFile()) return [root]
  const listed = await listing(root, folders)
  const files = names.flatMap((name) => filesOf(name, listed, root))
  if (files.length > 0) return files
  const wanted = formats.map((format) => `${names[0]}.${format}`).join(', ')
  const seen = listed.map(({ name }) => name).filter((name) => formats.some((format) => name.endsWith(`.${format}`)))
  throw error(
    'ERR_DATA',
    `Expected one of ${wanted} in ${root} or a folder of it but found ${seen.slice(0, 12).join(', ') || 'no data file'}`,
  )
}

function filesOf(split: string, listed: readonly Found[], root: string): string[] {
  for (const format of formats) {
    const pattern = new RegExp(`^${split}(?:-\\d{5}-of-(\\d{5})(?:-[0-9a-f]+)?)?\\.${format}$`)
    const found = listed.flatMap((file) => {
      const match = pattern.exec(file.name)
      return match
        ? [{ path: join(file.folder, file.name), parts: match[1] === undefined ? undefined : Number(match[1]) }]
        : []
    })
    const whole = found.find(({ parts }) => parts === undefined)
    if (whole) return [whole.path]
    if (found.length === 0) continue
    if (found.length !== found[0]!.parts) {
      throw error(
        'ERR_DATA',
        `Expected ${found[0]!.parts} parts of ${split} in ${root} but found ${found.length} (is the download complete?)`,
      )
    }
    return found.map(({ path }) => path).sort()
  }
  return []
}

// A file in a Hub snapshot is a link to its blob, so "not a folder" and not "a file" is what counts.
async function listing(root: string, folders?: readonly string[]): Promise<Found[]> {
  const entries = await readdir(root, { withFileTypes: true })
  const own = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => ({ folder: root, name }))
  const below = entries.filter((entry) => entry.isDirectory() && (folders?.includes(entry.name) ?? true))
  const inner = await Promise.all(
    below.map(async ({ name }) => {
      const folder = join(root, name)
      return (await readdir(folder)).map((file) => ({ folder, name: file }))
    }),
  )
  return [...own, ...inner.flat()]
}
