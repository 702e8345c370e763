import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** What two equal runs have in common: every file but their times, by its path inside the run's directory; a character for each byte. */
export function contents(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== 'timings.jsonl',
  )
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort()
  return Object.fromEntries(paths.map((path) => [relative(directory, path), readFileSync(path, 'latin1')]))
}
