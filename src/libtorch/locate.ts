import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { error } from '../errors.ts'
import { release as pinned, type Release, setupCommand } from './release.ts'

/** A libtorch on disk. */
export interface Libtorch {
  directory: string
  /** The directory that holds `libtorch_cpu.so`. */
  lib: string
  /** `2.13.0`: without the local part that tells CPU from CUDA builds of one version. */
  version: string
}

export interface LocateOptions {
  environment?: NodeJS.ProcessEnv
  release?: Release
}

/** What the addon needs, each library after those it depends on. */
export const libraries = ['libc10.so', 'libtorch_cpu.so', 'libtorch.so'] as const

/** Written last into a provisioned directory: without it the directory is incomplete. */
export const marker = 'frankentorch.json'

/**
 * The libtorch to use, without touching the network: `FRANKENTORCH_LIBTORCH`, else the per-user cache.
 * Throws `ERR_LIBTORCH_NOT_FOUND` when there is none or a library is missing from it, and `ERR_LIBTORCH_VERSION` when its version cannot be told.
 */
export function locateLibtorch(options: LocateOptions = {}): Libtorch {
  const { environment = process.env, release = pinned } = options
  const named = namedLibtorch(environment)
  if (named) return named
  const directory = cachedDirectory(environment, release)
  const cached = cachedLibtorch(directory, release)
  if (cached) return cached
  const state = existsSync(directory) ? 'is incomplete' : 'does not exist'
  throw error(
    'ERR_LIBTORCH_NOT_FOUND',
    `Expected libtorch ${release.version} but found none: FRANKENTORCH_LIBTORCH is not set and ${directory} ${state}. Run: ${setupCommand}`,
  )
}

/** The libtorch `FRANKENTORCH_LIBTORCH` names, undefined when it names none; a wrong name is an error, never passed over. */
export function namedLibtorch(environment: NodeJS.ProcessEnv): Libtorch | undefined {
  const name = environment.FRANKENTORCH_LIBTORCH
  if (!name) return undefined
  const remedy = `Let it name a directory with lib/ and include/, or unset it and run: ${setupCommand}`
  return libtorchAt(path.resolve(name), `FRANKENTORCH_LIBTORCH=${name}`, remedy)
}

/** The libtorch in `directory`, which errors call `called`. Throws `ERR_LIBTORCH_NOT_FOUND` or `ERR_LIBTORCH_VERSION`. */
export function libtorchAt(directory: string, called: string, remedy: string): Libtorch {
  const missing = missingLibraries(directory)
  if (missing.length > 0) {
    const what = existsSync(directory) ? `lacks lib/${missing.join(', lib/')}` : 'does not exist'
    throw error('ERR_LIBTORCH_NOT_FOUND', `Expected libtorch at ${called}, which ${what}. ${remedy}`)
  }
  const version = versionOf(directory)
  if (!version) {
    const sources = Object.keys(versionFiles).join(', ')
    throw error('ERR_LIBTORCH_VERSION', `Expected the version of ${directory} in one of ${sources}. ${remedy}`)
  }
  return { directory, lib: path.join(directory, 'lib'), version }
}

/** The libtorch provisioned at `directory`, undefined unless it is whole and of `release`: from its wheel, or copied from a directory of that version. */
export function cachedLibtorch(directory: string, release: Release): Libtorch | undefined {
  const file = path.join(directory, marker)
  if (!existsSync(file) || missingLibraries(directory).length > 0) return undefined
  const { sha256, copiedFrom, version } = parse(readFileSync(file, 'utf8'))
  const wanted = copiedFrom ? version === release.version : sha256 === release.sha256
  return wanted ? { directory, lib: path.join(directory, 'lib'), version: release.version } : undefined
}

/** Where this user's downloads live: `FRANKENTORCH_CACHE`, else `frankentorch` in `XDG_CACHE_HOME` or `~/.cache`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  if (environment.FRANKENTORCH_CACHE) return path.resolve(environment.FRANKENTORCH_CACHE)
  const base = environment.XDG_CACHE_HOME
  // The XDG specification has relative paths ignored.
  return path.join(base && path.isAbsolute(base) ? base : path.join(os.homedir(), '.cache'), 'frankentorch')
}

export function cachedDirectory(environment: NodeJS.ProcessEnv, release: Release): string {
  return path.join(cacheDirectory(environment), `libtorch-${release.version}-${release.variant}`)
}

export function missingLibraries(directory: string): string[] {
  return libraries.filter((name) => !existsSync(path.join(directory, 'lib', name)))
}

// Headers, a torch package of pip, and the zip of pytorch.org each say it elsewhere.
const versionFiles = {
  'include/torch/headeronly/version.h': /#define TORCH_VERSION\b[^"]*"(\d+\.\d+\.\d+)/,
  'version.py': /^__version__ = '(\d+\.\d+\.\d+)/m,
  'build-version': /^(\d+\.\d+\.\d+)/,
}

function versionOf(directory: string): string | undefined {
  for (const [name, pattern] of Object.entries(versionFiles)) {
    const file = path.join(directory, name)
    const version = existsSync(file) && readFileSync(file, 'utf8').match(pattern)?.[1]
    if (version) return version
  }
  return undefined
}

function parse(text: string): { sha256?: unknown; copiedFrom?: unknown; version?: unknown } {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
