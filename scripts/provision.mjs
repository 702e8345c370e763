// Finds libtorch, or fetches it into the per-user cache (docs/libtorch.md says from where). Run after `npm run compile`.

import { provisionProgress } from '../dist/libtorch/progress.js'
import { provisionLibtorch } from '../dist/libtorch/provision.js'

try {
  const { version, directory } = await provisionLibtorch(provisionProgress())
  console.log(`provision: libtorch ${version} at ${directory}`)
} catch (cause) {
  console.error(`provision: ${cause.message}`)
  process.exitCode = 1
}
