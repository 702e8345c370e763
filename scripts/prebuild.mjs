// Writes what the package ships instead of a compiler: prebuilds/<platform>-<arch>/frankentorch.glibc.node for node-gyp-build,
// and prebuilds/preload/<platform>-<arch>/preload.node, in a folder that node-gyp-build does not look into. No libtorch.
// The next `npm run build:native` links the developer's addon again.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import prebuildify from 'prebuildify'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const prebuilds = path.join(root, 'prebuilds')
const target = `${process.platform}-${process.arch}`
const preload = path.join(prebuilds, 'preload', target, 'preload.node')

rmSync(prebuilds, { recursive: true, force: true })
await promisify(prebuildify)({
  cwd: root,
  napi: true,
  tagLibc: true,
  strip: true,
  targets: [process.versions.node],
  nodeGyp: path.join(root, 'scripts/prebuildify-shim.mjs'),
})
mkdirSync(path.dirname(preload), { recursive: true })
cpSync(path.join(root, 'build/preload/preload.node'), preload)
execFileSync('strip', ['--strip-all', preload])

const addons = readdirSync(path.join(prebuilds, target)).map((name) => path.join(prebuilds, target, name))
for (const file of [...addons, preload]) {
  const kilobytes = Math.ceil(statSync(file).size / 1024)
  console.log(`prebuild: ${path.relative(root, file)}, ${kilobytes} KB, needs ${newestSymbols(file).join(', ')}`)
}

// The floor of the machine it runs on: the newest version of each runtime library's symbols that the file asks for.
function newestSymbols(file) {
  const table = execFileSync('objdump', ['-T', file], { encoding: 'utf8' })
  const newest = new Map()
  for (const [, library, version] of table.matchAll(/\b(GLIBC|GLIBCXX|CXXABI|GCC|GOMP)_(\d[\d.]*)/g)) {
    const known = newest.get(library)
    if (!known || compare(version, known) > 0) newest.set(library, version)
  }
  return [...newest].map(([library, version]) => `${library} ${version}`).sort()
}

function compare(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}
