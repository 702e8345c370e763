// Writes the damage corpus: checkpoints, images, messages and arguments that must be refused, derived from the tiny fixtures.
//   node scripts/corpus.mjs OUT
// OUT/corpus.json lists the cases: { kind, name, code, names, … }. `code` is the code of the error, `names` a text its message has.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { argumentCases, messageCases } from './corpus/arguments.mjs'
import { writeCheckpoints } from './corpus/checkpoints.mjs'
import { configCases } from './corpus/configs.mjs'
import { writeImages } from './corpus/images.mjs'
import { sideFileCases } from './corpus/side_files.mjs'
import { weightCases } from './corpus/weights.mjs'

const [out] = process.argv.slice(2)
if (!out) {
  console.error('Expected a directory: node scripts/corpus.mjs OUT')
  process.exit(2)
}
mkdirSync(out, { recursive: true })
const cases = [
  ...writeCheckpoints(path.join(out, 'checkpoints'), [...weightCases, ...configCases, ...sideFileCases]),
  ...(await writeImages(path.join(out, 'images'))),
  ...messageCases,
  ...argumentCases,
]
writeFileSync(path.join(out, 'corpus.json'), `${JSON.stringify(cases, null, 2)}\n`)
console.log(`${cases.length} cases in ${out}`)
