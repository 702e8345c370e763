import { stat } from 'node:fs/promises'
import { error } from '../errors.ts'
import { cachedSnapshot, type Environment, hubCache, repositoryFolder } from '../hub/index.ts'

export interface HubOptions {
  /** Branch, tag or commit (40 hex digits, or the beginning of one). Default `main`. */
  revision?: string
  environment?: Environment
}

/**
 * The folder of a data set's snapshot in the Hugging Face cache. `name` is `organisation/name`, or a bare name. Nothing is downloaded.
 * Throws `ERR_DATA` with the command that downloads it.
 */
export async function hubDataset(name: string, { revision = 'main', environment }: HubOptions = {}): Promise<string> {
  const cache = hubCache(environment)
  const { directory, held } = await cachedSnapshot(repositoryFolder(cache, 'datasets', name), revision)
  if (directory) return directory
  const option = revision === 'main' ? '' : ` --revision ${revision}`
  throw error(
    'ERR_DATA',
    `Expected revision ${revision} of the data set ${name} in the Hugging Face cache ${cache}, which ${held.length > 0 ? `holds ${held.join(', ')}` : 'holds none of it'}. ` +
      `Download it with: hf download --repo-type dataset ${name}${option}`,
  )
}

/**
 * The path of a data source: a file or folder as it stands, else a data set of the Hub (`org/name` or `org/name@revision`) in the cache.
 */
export async function dataPath(source: string, environment?: Environment): Promise<string> {
  if (await stat(source).catch(() => undefined)) return source
  const hub = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(source)
  if (!hub) throw error('ERR_DATA', `Expected a data file or folder at ${source} but nothing is there`)
  return await hubDataset(hub[1]!, { revision: hub[2] ?? 'main', environment })
}
