import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { listed } from '../checkpoint/weights.ts'
import { error, FrankentorchError, messageOf } from '../errors.ts'
import { cachedSnapshot, repositoryFolder } from './cache.ts'
import { type Hub, HubUnreachable, revisionInfo } from './client.ts'
import { hubCache, hubEndpoint, hubOffline, hubToken } from './environment.ts'
import { missingFiles } from './files.ts'
import { type DownloadProgress, fetchSnapshot } from './snapshot.ts'

const revisionSchema = z.string().regex(/^(?!.*\.\.)[\w.+/-]+$/, 'a branch, tag or commit')

export const ResolveOptions = z.strictObject({
  /** Branch, tag or commit of a model on the Hub; default `main`. */
  revision: revisionSchema.optional(),
  /** Default: the Hugging Face cache (`HF_HUB_CACHE`, `HF_HOME`, …). */
  cacheDir: z.string().min(1).optional(),
  /** Default: `HF_TOKEN`, or what `hf auth login` left; false for none. */
  token: z.union([z.string().min(1), z.literal(false)]).optional(),
  /** Default: `HF_ENDPOINT`, or https://huggingface.co. */
  endpoint: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional(),
  /** Whether to do without the network; default `HF_HUB_OFFLINE`. */
  offline: z.boolean().optional(),
  signal: z.instanceof(AbortSignal).optional(),
  /** Bytes done and in all, of what has to be fetched. */
  onProgress: z.custom<DownloadProgress>((value) => typeof value === 'function', 'a function').optional(),
})
export type ResolveOptions = z.input<typeof ResolveOptions>

/**
 * The directory of a model: `nameOrPath` itself when it is one, else the snapshot of `org/name` or `org/name@revision` in the Hugging Face cache, which
 * Python's libraries share. What it lacks is fetched: the files that loading needs, resumed where an earlier download stopped, each compared with its hash.
 * A branch or tag is looked up anew each time; when the site cannot answer, or in offline mode, a whole snapshot in the cache serves.
 *
 * Throws `ERR_CHECKPOINT_NOT_FOUND` for what is neither a directory nor such a name, `ERR_HUB` with the way out, `ERR_OUTPUT` when the cache cannot be
 * written, `ERR_ABORTED`.
 */
export async function resolveModel(nameOrPath: string, options: ResolveOptions = {}): Promise<string> {
  const { signal, onProgress, ...given } = check(ResolveOptions, options)
  const path = check(z.string().min(1), nameOrPath, 'nameOrPath')
  if (await isDirectory(path)) return path
  const { model, revision } = parseName(path, given.revision)
  const cache = given.cacheDir ?? hubCache()
  const wanted: Wanted = { model, revision, cache, repository: repositoryFolder(cache, 'models', model) }
  const cached = await lookUp(wanted)
  const whole = cached.missing.length === 0 ? cached.directory : undefined
  if (given.offline ?? hubOffline()) {
    if (whole) return whole
    throw error(
      'ERR_HUB',
      `${lacks(wanted, cached)}, and offline mode (HF_HUB_OFFLINE) forbids the network. ${mend(wanted)}`,
    )
  }
  // A commit does not change.
  if (whole && /^[0-9a-f]{40}$/.test(revision)) return whole

  const endpoint = (given.endpoint ?? hubEndpoint()).replace(/\/+$/, '')
  const token = given.token === false ? undefined : (given.token ?? (await hubToken()))
  const hub: Hub = { endpoint, token, signal }
  try {
    const found = await revisionInfo(hub, model, revision).catch((thrown) => {
      if (whole && !signal?.aborted) return undefined
      throw thrown
    })
    return found ? await fetchSnapshot(hub, { ...wanted, ...found }, onProgress) : whole!
  } catch (thrown) {
    if (signal?.aborted) {
      throw error('ERR_ABORTED', `The download of ${model} was aborted; what has arrived is kept`, {
        cause: signal.reason,
      })
    }
    throw explained(thrown, wanted, cached)
  }
}

interface Wanted {
  model: string
  revision: string
  cache: string
  repository: string
}

interface Cached {
  directory: string | undefined
  held: string[]
  missing: string[]
}

function parseName(path: string, given: string | undefined): { model: string; revision: string } {
  const [, model, named] = /^(\w[\w.-]*\/\w[\w.-]*)(?:@(.+))?$/.exec(path) ?? []
  if (!model) {
    throw error(
      'ERR_CHECKPOINT_NOT_FOUND',
      `${path} does not exist as a directory, nor is it the name of a model on the Hugging Face Hub (org/name)`,
    )
  }
  if (named !== undefined && given !== undefined && named !== given) {
    throw expected(`the revision of ${path}, or none,`, 'options.revision', given)
  }
  return { model, revision: check(revisionSchema, named ?? given ?? 'main', `the revision of ${model}`) }
}

async function lookUp({ repository, revision }: Wanted): Promise<Cached> {
  const { directory, held } = await cachedSnapshot(repository, revision)
  return { directory, held, missing: directory ? await missingFiles(directory) : ['config.json'] }
}

function explained(thrown: unknown, wanted: Wanted, cached: Cached): unknown {
  if (thrown instanceof FrankentorchError) return thrown
  if (thrown instanceof HubUnreachable) {
    return error('ERR_HUB', `${lacks(wanted, cached)}, and ${thrown.message}. ${mend(wanted)}`, { cause: thrown })
  }
  if ((thrown as NodeJS.ErrnoException).syscall) {
    const way = 'Make room or choose another place with HF_HOME'
    return error('ERR_OUTPUT', `Cannot write ${wanted.model} to ${wanted.cache}: ${messageOf(thrown)}. ${way}`, {
      cause: thrown,
    })
  }
  return thrown
}

function lacks({ model, revision, cache }: Wanted, { directory, held, missing }: Cached): string {
  const commits = held.length > 0 ? `holds ${held.join(', ')} of it` : 'holds none of it'
  return `Expected ${model}@${revision} in ${cache}, which ${directory ? `lacks ${listed(missing)} of it` : commits}`
}

function mend({ model, revision }: Wanted): string {
  const option = revision === 'main' ? '' : ` --revision ${revision}`
  return `Where there is a network, fetch it with: hf download ${model}${option}; or name a mirror with HF_ENDPOINT, or another cache with HF_HOME`
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
