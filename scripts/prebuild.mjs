// Writes what the package ships instead of a compiler, from what `npm run build:native` built: prebuilds/<platform>-<arch>/frankentorch.glibc.node
// for node-gyp-build, and in prebuilds/preload/<platform>-<arch>, a folder that node-gyp-build does not look into, the stub preload.node and
// requirements.json, what both ask of a machine. Stripped, without a path to libtorch, and without libtorch.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import prebuildify from 'prebuildify'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const staged = path.join(root, 'build/prebuilt')
const prebuilds = path.join(root, 'prebuilds')
const target = `${process.platform}-${process.arch}`
const preload = path.join(prebuilds, 'preload', target)

rmSync(prebuilds, { recursive: true, force: true })
mkdirSync(staged, { recursive: true })
await promisify(prebuildify)({
  name: 'frankentorch',
  cwd: staged,
  out: root,
  napi: true,
  tagLibc: true,
  targets: [process.versions.node],
  nodeGyp: path.join(root, 'scripts/prebuildify-shim.mjs'),
})
mkdirSync(preload, { recursive: true })
cpSync(path.join(staged, 'build/preload/preload.node'), path.join(preload, 'preload.node'))

const addons = readdirSync(path.join(prebuilds, target)).map((name) => path.join(prebuilds, target, name))
const floor = new Map()
for (const file of [...addons, path.join(preload, 'preload.node')]) {
  const symbols = newestSymbols(file)
  for (const [library, version] of symbols) floor.set(library, newer(version, floor.get(library)))
  const kilobytes = Math.ceil(statSync(file).size / 1024)
  console.log(
    `prebuild: ${path.relative(root, file)}, ${kilobytes} KB, needs ${[...symbols].map((one) => one.join(' ')).join(', ')}`,
  )
}
writeFileSync(path.join(preload, 'requirements.json'), `${JSON.stringify({ glibc: floor.get('GLIBC') })}\n`)

// The floor of the machine it runs on: the newest version of each runtime library's symbols that the file asks for.
function newestSymbols(file) {
  const table = execFileSync('objdump', ['-T', file], { encoding: 'utf8' })
  const newest = new Map()
  for (const [, library, version] of table.matchAll(/\b(GLIBC|GLIBCXX|CXXABI|GCC|GOMP)_(\d[\d.]*)/g)) {
    newest.set(library, newer(version, newest.get(library)))
  }
  return newest
}

function newer(version, known = '0') {
  return version.localeCompare(known, 'en', { numeric: true }) > 0 ? version : known
}
