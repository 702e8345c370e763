// Builds the addon against a CUDA libtorch: Python's torch with NVIDIA's libraries from pip, in a virtual environment, and our sources against it.
// Needs no GPU: compiles, links and loads without one, and says so then.
//   node scripts/build-cuda.mjs [TORCH]
// TORCH is the torch package of an existing environment; by default pip installs one into .cache/cuda (some 5 GB on disk).
// Replaces the addon in build/; `npm run provision` brings the one for the CPU back.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// With CUDA 13. The addon is compiled against whichever version it is, so this need not be the version that `setup` fetches.
const version = '2.14.1'
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const venv = path.join(root, '.cache/cuda')

try {
  const torch = process.argv[2] ? path.resolve(process.argv[2]) : installTorch()
  if (!existsSync(path.join(torch, 'lib/libtorch_cuda.so'))) {
    throw new Error(`Expected a torch package built for CUDA at ${torch} but found no lib/libtorch_cuda.so`)
  }
  run(process.execPath, [path.join(root, 'scripts/build-native.mjs'), torch])
  const env = { ...process.env, FRANKENTORCH_LIBTORCH: torch }
  run(process.execPath, [path.join(root, 'dist/cli/main.js'), 'doctor'], env)
  // What cuda.* and device 'cuda' say, with a GPU or without.
  run(process.execPath, [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/native/cuda.test.ts'], env)
  console.log(`build-cuda: to use it, set FRANKENTORCH_LIBTORCH=${torch}`)
} catch (cause) {
  console.error(`build-cuda: ${cause.message}`)
  process.exitCode = 1
}

// Of what torch asks for, only NVIDIA's libraries: torch's Python parts (cuda-bindings, triton, sympy, …) are nothing to us, and an index may lack them.
function installTorch() {
  const python = path.join(venv, 'bin/python')
  const pip = (...args) => run(python, ['-m', 'pip', 'install', '--disable-pip-version-check', ...args])
  if (!existsSync(python)) run('python3', ['-m', 'venv', venv])
  pip('--no-deps', `torch==${version}`)
  const needs = printed(python, 'import importlib.metadata as m; print(*m.requires("torch"), sep="\\n")').split('\n')
  const libraries = needs
    .map((need) => need.split(';')[0].trim())
    .filter((need) => /^(nvidia-|cuda-toolkit\b)/.test(need))
  pip(...libraries)
  return printed(python, 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')
}

function printed(python, program) {
  const { status, stdout, stderr, error } = spawnSync(python, ['-c', program], { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`\`${python} -c '${program}'\` failed: ${stderr.trim()}`)
  return stdout.trim()
}

function run(command, args, env = process.env) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) throw new Error(`\`${command} ${args.join(' ')}\` failed (${signal ?? `exit status ${status}`})`)
}
