// Runs a benchmark of bench/, which is TypeScript, without compiling the package first.
//   node scripts/bench.mjs NAME [arguments of the benchmark]

import { readdirSync } from 'node:fs'
import { register } from 'node:module'

const folder = new URL('../bench/', import.meta.url)
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []))
const [name, ...rest] = process.argv.slice(2)

if (names.includes(name)) {
  register('./typescript-loader.mjs', import.meta.url)
  process.argv.splice(1, process.argv.length, new URL(`${name}.ts`, folder).pathname, ...rest)
  await import(new URL(`${name}.ts`, folder).href)
} else {
  console.error(`Expected the name of a benchmark (${names.join(', ')}) but received ${name ?? 'none'}`)
  process.exitCode = 2
}
