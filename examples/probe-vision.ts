// Which layers carry what the image says? Swaps the image's keys and values from each layer on and prints how often the answer changes.
//
//   node examples/probe-vision.ts MODEL DATA OUT
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.
// DATA holds <task>/data.jsonl with pairs of images; `frankentorch world --out world` draws some (world/swap).

import { probe, VisionLanguageModel } from '../src/index.ts'

const [directory, data, out] = process.argv.slice(2)
if (!directory || !data) throw new Error('Expected a checkpoint and a directory of image pairs')

await using model = await VisionLanguageModel.load(directory)
const { summary, failures } = await probe.vision(model, {
  data,
  out,
  samples: 20,
  onProgress: ({ done, total }) => console.error(`${done} of ${total} pairs`),
})

for (const task of summary.tasks) {
  const rates = Object.entries(summary.change_rates[task]!)
  // The layers up to which the image can still change the answer.
  const last = rates.findLast(([, rate]) => rate !== null && rate >= 0.5)
  console.log(task, last ? `reads the image until layer ${last[0]}` : 'hardly reads the image')
}
console.log(`${failures.length} pairs failed`)
