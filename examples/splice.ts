// What does RL change, and is it enough? Measures the update layer by layer, splices the third that changed most into IN, and checks the result.
//
//   node examples/splice.ts IN RL OUT
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { compare, merge } from '../src/index.ts'

const [IN, RL, out] = process.argv.slice(2)
if (!IN || !RL || !out) throw new Error('Expected two checkpoints and a directory to make')

const { regions } = await compare.energy({ in: IN, rl: RL })
const energies = regions.map(({ region, rl }) => ({ region, norm: (rl as { fro_norm_sum: number }).fro_norm_sum }))
const { region } = energies.reduce((most, other) => (other.norm > most.norm ? other : most))
console.log(`RL changed the ${region} third most`)

const { directory } = await merge(`IN ${region} 1/3 layers replaced by RL`, { in: IN, rl: RL, out })
const { differences } = await compare.diff(IN, directory)
console.log(`${differences.length} parameters came from RL`)
