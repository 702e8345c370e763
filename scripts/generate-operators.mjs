// Writes the operator typings and the list of what is left out, from the schemas of the libtorch that the addon links.
//   node scripts/generate-operators.mjs

import { writeFileSync } from 'node:fs'
import { register } from 'node:module'

register('./typescript-loader.mjs', import.meta.url)
const { native } = await import('../src/native.ts')
const { parseSchemas } = await import('../src/tensor/schema.ts')
const { leftOutPage, operatorNames, operatorTypings } = await import('./operator-typings.ts')

const { torchVersion } = native()
const schemas = parseSchemas(native().operatorSchemas())
const files = {
  'src/tensor/operators.generated.ts': operatorTypings,
  'src/tensor/operator-names.generated.ts': operatorNames,
  'docs/operators-left-out.md': leftOutPage,
}
for (const [file, source] of Object.entries(files)) {
  writeFileSync(new URL(`../${file}`, import.meta.url), source(schemas, torchVersion))
  console.log(file)
}
