// Packs the package, installs it into an empty directory, and lets it generate on other Nodes; with --suite it runs the whole test suite on each too.
//   node scripts/pack-smoke.mjs [--suite] [VERSION…]      default: 20.17.0 22 24 latest
// Expects an up-to-date build: npm run provision.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { register } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

register('./typescript-loader.mjs', import.meta.url)
const { bareEnvironment, install, nodes, pack, printed, root } = await import('../test/package/packed.ts')
const { locateLibtorch } = await import('../dist/libtorch/locate.js')

const args = process.argv.slice(2)
const named = args.filter((arg) => arg !== '--suite')
const versions = named.length > 0 ? named : ['20.17.0', '22', '24', 'latest']
const model = fileURLToPath(new URL('../test/fixtures/models/qwen2-text', import.meta.url))
const directory = mkdtempSync(path.join(os.tmpdir(), 'frankentorch-smoke-'))
try {
  const env = bareEnvironment(path.join(directory, 'bin'), locateLibtorch().directory)
  const { file, bytes } = pack(directory)
  console.log(`pack-smoke: ${path.basename(file)}, ${(bytes / 1e6).toFixed(1)} MB`)
  const project = path.join(directory, 'project')
  await install('npm', file, project, env)
  for (const [version, node] of Object.entries(nodes(versions))) {
    for (const program of ['generate.mjs', 'generate.cjs']) {
      console.log(
        `pack-smoke: node ${version} ${program}: ${JSON.stringify(await printed(node, [program, model], project, env))}`,
      )
    }
    if (args.includes('--suite')) suite(node, version)
  }
} finally {
  rmSync(directory, { recursive: true })
}

function suite(node, version) {
  const PATH = [path.dirname(node), process.env.PATH].join(path.delimiter)
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(node, [vitest, 'run'], { cwd: root, env: { ...process.env, PATH }, stdio: 'inherit' })
  console.log(`pack-smoke: node ${version}: the suite ${status === 0 ? 'passed' : 'failed'}`)
  if (status !== 0) process.exitCode = 1
}
