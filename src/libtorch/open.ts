import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { error, messageOf } from '../errors.ts'
import { type Libtorch, libraries } from './locate.ts'
import { setupCommand } from './release.ts'

/** What binding/preload exports. */
export interface Preload {
  /** The libtorch the addon beside the stub was compiled against. */
  torchVersion: string
  open(library: string): void
}

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))

/**
 * Brings the libraries of `libtorch` into the process, so that the addon, which names them by soname, finds them there wherever they lie.
 * Must run before the addon loads. Throws `ERR_LIBTORCH_VERSION` when the addon was compiled against another version, `ERR_ADDON` when the stub or a library does not load.
 */
export function openLibtorch(libtorch: Libtorch, preload: Preload = loadPreload()): void {
  if (libtorch.version !== preload.torchVersion) {
    throw error(
      'ERR_LIBTORCH_VERSION',
      `Expected libtorch ${preload.torchVersion}, which the addon was built against, but ${libtorch.directory} is ${libtorch.version}. ` +
        `Unset FRANKENTORCH_LIBTORCH and run: ${setupCommand}`,
    )
  }
  for (const name of libraries) {
    try {
      preload.open(path.join(libtorch.lib, name))
    } catch (cause) {
      throw error('ERR_ADDON', `Expected ${name} of ${libtorch.directory} to load but: ${messageOf(cause)}`, { cause })
    }
  }
}

function loadPreload(): Preload {
  // node-gyp-build looks for the addon in this order too: stub and addon must come from one build.
  const built = process.env.PREBUILDS_ONLY ? [] : [path.join(root, 'build/preload/preload.node')]
  const stubs = [...built, path.join(root, `prebuilds/preload/${process.platform}-${process.arch}/preload.node`)]
  const stub = stubs.find((file) => existsSync(file))
  if (!stub) {
    throw error(
      'ERR_ADDON',
      `Expected the addon's preload stub but found none of ${stubs.join(', ')}. Run: npm run provision`,
    )
  }
  try {
    return createRequire(import.meta.url)(stub) as Preload
  } catch (cause) {
    throw error('ERR_ADDON', `Expected ${stub} to load but: ${messageOf(cause)}`, { cause })
  }
}
