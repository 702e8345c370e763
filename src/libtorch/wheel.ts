import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { download, Interrupted, Unreachable } from '../download/download.ts'
import { error } from '../errors.ts'
import { pipDownload } from './pip.ts'
import type { ProvisionOptions } from './provision.ts'
import { type Release, setupCommand } from './release.ts'

/** A verified wheel, and whether it is ours to delete. */
export interface Wheel {
  file: string
  ours: boolean
}

/**
 * The wheel of `release`: the file or URL `from` names, else from PyTorch's download site, else from pip's index. Its checksum is the pinned one, wherever it is from.
 * Throws `ERR_LIBTORCH_DOWNLOAD`.
 */
export async function obtainWheel(cache: string, release: Release, options: ProvisionOptions): Promise<Wheel> {
  const { from } = options
  if (from === undefined) return { file: await fromSiteOrPip(cache, release, options), ours: true }
  if (/^https?:/.test(from)) return { file: await fromMirror(from, cache, release, options), ours: true }
  return { file: await fromFile(from, release, options), ours: false }
}

async function fromSiteOrPip(cache: string, release: Release, options: ProvisionOptions): Promise<string> {
  try {
    return await fromUrl(release.url, cache, release, options)
  } catch (site) {
    if (!(site instanceof Unreachable)) throw site
    options.report?.(`${new URL(release.url).host} cannot be reached (${site.message}); asking pip`)
    return fromPip(cache, release, options, site)
  }
}

async function fromMirror(url: string, cache: string, release: Release, options: ProvisionOptions): Promise<string> {
  try {
    return await fromUrl(url, cache, release, options)
  } catch (site) {
    if (!(site instanceof Unreachable)) throw site
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected ${release.wheel} at ${url} but: ${site.message}. ${elsewhere(release)}`,
    )
  }
}

async function fromUrl(url: string, cache: string, release: Release, options: ProvisionOptions): Promise<string> {
  const { report, onProgress, signal } = options
  const part = path.join(cache, `${release.wheel}.part`)
  report?.(`downloading libtorch ${release.version} from ${url}`)
  try {
    await download(url, part, { ...options.download, bytes: release.bytes, onProgress, signal })
  } catch (cause) {
    if (!(cause instanceof Interrupted)) throw cause
    throw error('ERR_LIBTORCH_DOWNLOAD', `${cause.message}. To go on from there, run: ${setupCommand}`)
  }
  return verifiedDownload(part, url, release, report)
}

async function fromPip(cache: string, release: Release, options: ProvisionOptions, site: Unreachable): Promise<string> {
  const pip = { environment: options.environment, ...options.pip }
  try {
    const wheel = await pipDownload(release, path.join(cache, `pip-${release.version}`), pip)
    return await verifiedDownload(wheel, "pip's index", release, options.report)
  } catch (index) {
    if (!(index instanceof Unreachable)) throw index
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected ${release.wheel} from ${release.url} (${site.message}) or from pip's index (${index.message}). ${elsewhere(release)}`,
    )
  }
}

async function fromFile(from: string, release: Release, { report }: ProvisionOptions): Promise<string> {
  const file = from.startsWith('file:') ? fileURLToPath(from) : path.resolve(from)
  const isFile = await stat(file).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isFile) {
    throw error(
      'ERR_LIBTORCH_DOWNLOAD',
      `Expected ${release.wheel} at ${from} but found no such file. ${elsewhere(release)}`,
    )
  }
  report?.(`verifying the checksum of ${file}`)
  const found = await sha256Of(file)
  if (found === release.sha256) return file
  throw error(
    'ERR_LIBTORCH_DOWNLOAD',
    `Expected SHA-256 ${release.sha256}, of ${release.wheel}, but that of ${file} is ${found}. ${elsewhere(release)}`,
  )
}

async function verifiedDownload(wheel: string, origin: string, release: Release, report?: (line: string) => void) {
  report?.('verifying the checksum')
  const found = await sha256Of(wheel)
  if (found === release.sha256) return wheel
  await rm(wheel)
  throw error(
    'ERR_LIBTORCH_DOWNLOAD',
    `Expected SHA-256 ${release.sha256} of ${path.basename(wheel)} from ${origin} but found ${found}; the file was removed. To fetch it again, run: ${setupCommand}`,
  )
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function elsewhere({ version, wheel }: Release): string {
  return `Where that wheel is in reach run: ${setupCommand}; or bring it and run: ${setupCommand} --from ${wheel}; or set FRANKENTORCH_LIBTORCH to a libtorch ${version}`
}
