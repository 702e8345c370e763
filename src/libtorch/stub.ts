import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { error, messageOf } from '../errors.ts'
import { linkerRemedy, type Requirements, readRequirements } from './host.ts'

/** What binding/preload exports. */
export interface Preload {
  /** The libtorch the addon beside the stub was compiled against. */
  torchVersion: string
  open(library: string): void
}

/** The directory of package.json. */
export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))

/** What the addon that will be loaded asks of the machine. */
export function addonRequirements(): Requirements {
  return readRequirements(path.join(path.dirname(findStub() ?? root), 'requirements.json'))
}

/** Throws `ERR_ADDON` when there is no addon for this platform, or its stub does not load. */
export function loadPreload(): Preload {
  const stub = findStub()
  if (!stub) {
    throw error(
      'ERR_ADDON',
      `Expected the addon's preload stub but found none of ${stubs().join(', ')}. Run: ${repairCommand()}`,
    )
  }
  try {
    return createRequire(import.meta.url)(stub) as Preload
  } catch (cause) {
    const words = messageOf(cause)
    throw error('ERR_ADDON', `Expected ${stub} to load but: ${words}. ${linkerRemedy(words)}`.trim(), { cause })
  }
}

/** The command that brings the addon back: a clone builds it, an installed package contains it. */
export function repairCommand(): string {
  return existsSync(path.join(root, 'CMakeLists.txt')) ? 'npm run provision' : 'npm install --force frankentorch'
}

function findStub(): string | undefined {
  return stubs().find((file) => existsSync(file))
}

// node-gyp-build looks for the addon in this order too: stub and addon must come from one build.
function stubs(): string[] {
  const built = process.env.PREBUILDS_ONLY ? [] : [path.join(root, 'build/preload/preload.node')]
  return [...built, path.join(root, `prebuilds/preload/${process.platform}-${process.arch}/preload.node`)]
}
