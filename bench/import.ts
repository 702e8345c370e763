// How long `import 'frankentorch'` and `require` take before anything is loaded, each in a fresh process; median of 7. Goal: 150 ms. Measures dist/: npm run compile.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const runs = 7
const root = fileURLToPath(new URL('..', import.meta.url))
const ways = {
  import: "await import('frankentorch')",
  require: "(await import('node:module')).createRequire(process.cwd() + '/x')('frankentorch')",
}

for (const [way, code] of Object.entries(ways)) {
  const program = `const begun = performance.now(); ${code}; console.log(performance.now() - begun)`
  const times = Array.from({ length: runs }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: root, encoding: 'utf8' })),
  ).sort((a, b) => a - b)
  console.log(
    `${way.padEnd(8)} ${times[runs >> 1]!.toFixed(0)} ms (median), ${times[0]!.toFixed(0)} to ${times.at(-1)!.toFixed(0)}`,
  )
}
