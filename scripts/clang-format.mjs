// Formats the C++ sources git knows (cpp/, binding/), or with --check lists those that are not formatted.
// The npm binary is run, not the system's: versions of clang-format disagree.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const check = process.argv.includes('--check')

const listed = execFileSync('git', ['ls-files', '-z', '--', 'cpp', 'binding'], { cwd: root, encoding: 'utf8' })
const sources = listed.split('\0').filter((file) => /\.(cpp|h)$/.test(file) && existsSync(path.join(root, file)))

if (sources.length > 0) {
  const clangFormat = createRequire(import.meta.url).resolve('clang-format/index.js')
  const mode = check ? ['--dry-run', '--Werror'] : ['-i']
  const { status } = spawnSync(process.execPath, [clangFormat, ...mode, ...sources], { cwd: root, stdio: 'inherit' })
  if (status !== 0 && check) console.error('clang-format: the files above are not formatted. Run: npm run format')
  process.exitCode = status ?? 1
}
