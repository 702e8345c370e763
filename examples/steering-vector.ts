// Steers a model along the difference between two prompts: their mean activations at a layer, added at every generated token.
//
//   node examples/steering-vector.ts MODEL ["I love this." ["I hate this." [LAYER [STRENGTH]]]]
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { type Tensor, VisionLanguageModel } from '../src/index.ts'

const [directory, towards = 'I love this.', from = 'I hate this.', layer, strength = '4'] = process.argv.slice(2)
if (!directory) throw new Error('Expected a checkpoint')

await using model = await VisionLanguageModel.load(directory)
const point = `language_model.layers.${layer ?? Math.floor(model.config.numHiddenLayers / 2)}`

async function meanActivation(text: string): Promise<Tensor> {
  const { captured } = await model.forward(await model.processor({ text: [text] }), { capture: [point] })
  return await captured[point]!.mean([0, 1])
}

using one = await meanActivation(towards)
using other = await meanActivation(from)
using direction = await one.sub(other).div(one.sub(other).norm())

const messages = [{ role: 'user' as const, content: 'How was your day?' }]
const plain = await model.generate(messages, { maxNewTokens: 24 })
using _hook = model.hook(point, (x) => x.add(direction, { alpha: Number(strength) }), { positions: 'answer' })
const steered = await model.generate(messages, { maxNewTokens: 24 })
console.log('plain:', plain.text)
console.log('steered:', steered.text)
