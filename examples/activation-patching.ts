// Activation patching between two prompts: where does the second go another way? Every layer's value at the last token of the corrupted prompt
// is replaced by the clean prompt's, and the share of the difference in the answer's logit that this brings back is printed.
//
//   node examples/activation-patching.ts MODEL ["The Colosseum is in" ["The Louvre is in"]]
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { type Inputs, type Intervention, type Tensor, VisionLanguageModel } from '../src/index.ts'

const [directory, cleanText = 'The Colosseum is in', corruptedText = 'The Louvre is in'] = process.argv.slice(2)
if (!directory) throw new Error('Expected a checkpoint')

await using model = await VisionLanguageModel.load(directory)
const clean = await model.processor({ text: [cleanText] })
const corrupted = await model.processor({ text: [corruptedText] })
const last = (inputs: Inputs) => inputs.inputIds[0]!.length - 1
const layers = Array.from({ length: model.config.numHiddenLayers }, (_, i) => `language_model.layers.${i}`)

const source = await model.forward(clean, { capture: layers })
const answer = Number(await source.logits.select(1, -1).argmax().item())
const logit = async (logits: Tensor) => Number(await logits.select(1, -1).select(1, answer).item())

const top = await logit(source.logits)
const bottom = await logit((await model.forward(corrupted)).logits)
for (const [i, point] of layers.entries()) {
  using value = await source.captured[point]!.narrow(1, last(clean), 1)
  const patch: Intervention = { kind: 'replace', point, tensor: value, positions: [last(corrupted)] }
  const { logits } = await model.forward(corrupted, { interventions: [patch] })
  const restored = ((await logit(logits)) - bottom) / (top - bottom)
  console.log(`layer ${i}: ${(100 * restored).toFixed(1)} % of the answer restored`)
}
