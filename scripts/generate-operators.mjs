// Writes the operator typings and the list of what is left out, from the schemas of the libtorch that the addon links.
//   node scripts/generate-operators.mjs

import { writeFileSync } from 'node:fs'
import { register } from 'node:module'

register('./typescript-loader.mjs', import.meta.url)
const generated = new URL('../src/tensor/operators.generated.ts', import.meta.url)
const { native } = await import('../src/native.ts')
const { parseSchemas } = await import('../src/tensor/schema.ts')
const { leftOutPage, operatorTypings } = await import('./operator-typings.ts')

const schemas = parseSchemas(native().operatorSchemas())
writeFileSync(generated, operatorTypings(schemas, native().torchVersion))
writeFileSync(new URL('../docs/operators-left-out.md', import.meta.url), leftOutPage(schemas, native().torchVersion))
console.log(`${schemas.length} schemas`)
