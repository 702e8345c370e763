import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type DownloadOptions, download, Interrupted, Unreachable } from '../download/download.ts'
import { withLock } from '../download/lock.ts'
import { error, FrankentorchError, messageOf } from '../errors.ts'
import {
  cacheDirectory,
  cachedDirectory,
  cachedLibtorch,
  type Libtorch,
  marker,
  missingLibraries,
  namedLibtorch,
} from './locate.ts'
import { type PipOptions, pipDownload } from './pip.ts'
import { release as pinned, type Release, setupCommand } from './release.ts'
import { unpackWheel } from './unpack.ts'

export interface ProvisionOptions {
  environment?: NodeJS.ProcessEnv
  release?: Release
  /** Receives one line for each thing that is begun. */
  report?: (line: string) => void
  /** Receives bytes done and bytes in all of what was reported last. */
  onProgress?: (done: number, total: number) => void
  download?: Pick<DownloadOptions, 'stall' | 'attempts' | 'pause'>
  pip?: Pick<PipOptions, 'commands' | 'onOutput'>
}

/**
 * The libtorch to build against and run with, fetched when there is none: `FRANKENTORCH_LIBTORCH`, else the per-user cache, else PyTorch's
 * download site, else pip's index. Two calls at once, in one process or several, fetch once.
 * Throws `ERR_LIBTORCH_NOT_FOUND`, `ERR_LIBTORCH_VERSION` or `ERR_LIBTORCH_DOWNLOAD`.
 */
export async function provisionLibtorch(options: ProvisionOptions = {}): Promise<Libtorch> {
  const { environment = process.env, release = pinned, report } = options
  const named = namedLibtorch(environment)
  if (named) return named
  const directory = cachedDirectory(environment, release)
  const cached = cachedLibtorch(directory, release)
  if (cached) return cached
  const cache = cacheDirectory(environment)
  return writingTo(cache, async () => {
    await mkdir(cache, { recursive: true })
    const onWait = () => report?.(`waiting for another setup, which holds ${directory}.lock`)
    return withLock(
      `${directory}.lock`,
      async () => {
        const fetched = cachedLibtorch(directory, release)
        if (fetched) return fetched
        await removeLeftovers(directory)
        const wheel = await fetchWheel(cache, release, options)
        await install(wheel, directory, release, options)
        return cachedLibtorch(directory, release)!
      },
      { onWait },
    )
  })
}

async function fetchWheel(cache: string, release: Release, options: ProvisionOptions): Promise<string> {
  const { report, onProgress } = options
  const part = path.join(cache, `${release.wheel}.part`)
  try {
    report?.(`downloading libtorch ${release.version} from ${release.url}`)
    await download(release.url, part, { ...options.download, bytes: release.bytes, onProgress })
    return await verified(part, release.url, release, report)
  } catch (site) {
    if (site instanceof Interrupted) {
      throw error('ERR_LIBTORCH_DOWNLOAD', `${site.message}. To go on from there, run: ${setupCommand}`)
    }
    if (!(site instanceof Unreachable)) throw site
    report?.(`${new URL(release.url).host} cannot be reached (${site.message}); asking pip`)
    return fetchWithPip(cache, release, options, site)
  }
}

async function fetchWithPip(cache: string, release: Release, options: ProvisionOptions, site: Unreachable) {
  const pip = { environment: options.environment, ...options.pip }
  try {
    const wheel = await pipDownload(release, path.join(cache, `pip-${release.version}`), pip)
    return await verified(wheel, "pip's index", release, options.report)
  } catch (index) {
    if (!(index instanceof Unreachable)) throw index
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected ${release.wheel} from ${release.url} (${site.message}) or from pip's index (${index.message}). ` +
        `With either in reach run: ${setupCommand}; or set FRANKENTORCH_LIBTORCH to a libtorch ${release.version} with lib/ and include/`,
    )
  }
}

async function verified(wheel: string, origin: string, release: Release, report?: (line: string) => void) {
  report?.('verifying the checksum')
  const hash = createHash('sha256')
  await pipeline(createReadStream(wheel), hash)
  const found = hash.digest('hex')
  if (found === release.sha256) return wheel
  await rm(wheel)
  throw error(
    'ERR_LIBTORCH_DOWNLOAD',
    `Expected SHA-256 ${release.sha256} of ${path.basename(wheel)} from ${origin} but found ${found}; the file was removed. To fetch it again, run: ${setupCommand}`,
  )
}

// Into a directory beside the final one, renamed when it is whole.
async function install(wheel: string, directory: string, release: Release, options: ProvisionOptions): Promise<void> {
  options.report?.(`unpacking to ${directory}`)
  const temporary = `${directory}.${randomUUID()}.tmp`
  await unpackWheel(wheel, temporary, { onProgress: options.onProgress })
  const missing = missingLibraries(temporary)
  if (missing.length > 0) {
    await rm(temporary, { recursive: true })
    throw error('ERR_LIBTORCH_DOWNLOAD', `Expected lib/${missing.join(', lib/')} in ${wheel} but found no such file`)
  }
  const { version, variant, sha256 } = release
  await writeFile(
    path.join(temporary, marker),
    `${JSON.stringify({ version, variant, wheel: release.wheel, sha256 })}\n`,
  )
  await rename(temporary, directory)
  await rm(wheel)
  await rm(path.join(path.dirname(directory), `pip-${version}`), { recursive: true, force: true })
}

// What a killed setup left, and a directory that is there but not whole.
async function removeLeftovers(directory: string): Promise<void> {
  const name = path.basename(directory)
  for (const sibling of await readdir(path.dirname(directory))) {
    const left = sibling === name || (sibling.startsWith(`${name}.`) && sibling.endsWith('.tmp'))
    if (left) await rm(path.join(path.dirname(directory), sibling), { recursive: true })
  }
}

async function writingTo<Result>(cache: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof FrankentorchError || !(cause as NodeJS.ErrnoException).syscall) throw cause
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected to write libtorch (about 700 MB with its download) under ${cache} but: ${messageOf(cause)}. Use another directory: FRANKENTORCH_CACHE=DIR ${setupCommand}`,
      { cause },
    )
  }
}
