import { readdir, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { error } from '../errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Where Hugging Face tools keep downloads: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`/hub, `XDG_CACHE_HOME`/huggingface/hub, `~/.cache/huggingface/hub`. */
export function hubCache(environment: Environment = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment
  const home = environment.HOME || homedir()
  const explicit = HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE
  const folder = explicit || join(HF_HOME || join(XDG_CACHE_HOME || join(home, '.cache'), 'huggingface'), 'hub')
  return folder.replace(/^~(?=\/|$)/, home)
}

export interface HubOptions {
  /** Branch, tag or commit (40 hex digits, or the beginning of one). Default `main`. */
  revision?: string
  environment?: Environment
}

/**
 * The folder of a data set's snapshot in the Hugging Face cache. `name` is `organisation/name`, or a bare name. Nothing is downloaded.
 * Without `refs/main` (a cache copied by hand) the only snapshot is taken. Throws `ERR_DATA` with the command that downloads it.
 */
export async function hubDataset(name: string, { revision = 'main', environment }: HubOptions = {}): Promise<string> {
  const cache = hubCache(environment)
  const repository = join(cache, `datasets--${name.replaceAll('/', '--')}`)
  const snapshots = await readdir(join(repository, 'snapshots')).catch(() => [])
  const wanted = await readFile(join(repository, 'refs', revision), 'utf8').then(
    (text) => text.trim(),
    () => (revision === 'main' && snapshots.length === 1 ? snapshots[0]! : revision),
  )
  const matches = snapshots.filter((commit) => commit === wanted || (wanted.length >= 7 && commit.startsWith(wanted)))
  if (matches.length === 1) return join(repository, 'snapshots', matches[0]!)
  const held = snapshots.length > 0 ? `holds ${snapshots.join(', ')}` : 'holds none of it'
  const option = revision === 'main' ? '' : ` --revision ${revision}`
  throw error(
    'ERR_DATA',
    `Expected revision ${revision} of the data set ${name} in the Hugging Face cache ${cache}, which ${held}. ` +
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
