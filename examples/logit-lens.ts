// Logit lens: what every layer would answer if it were the last, through the final norm and the head.
//
//   node examples/logit-lens.ts MODEL ["The capital of France is"]
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { type Tensor, VisionLanguageModel } from '../src/index.ts'

const [directory, text = 'The capital of France is'] = process.argv.slice(2)
if (!directory) throw new Error('Expected a checkpoint')

await using model = await VisionLanguageModel.load(directory)
const { rmsNormEps, tieWordEmbeddings } = model.config
using norm = await model.parameter('language_model.norm.weight')
using head = await model.parameter(tieWordEmbeddings ? 'language_model.embed_tokens.weight' : 'lm_head.weight')

const lens = (hidden: Tensor) =>
  hidden.select(1, -1).rms_norm([hidden.shape[2]!], norm, rmsNormEps).matmul(head.t()).to('float32').softmax(-1).max(-1)

const { captured } = await model.forward(await model.processor({ text: [text] }), {
  capture: ['language_model.layers.*'],
})
for (const [point, hidden] of Object.entries(captured)) {
  const { values, indices } = await lens(hidden)
  const token = model.processor.tokenizer.decode([Number(await indices.item())])
  console.log(`${point}: ${JSON.stringify(token)} ${Number(await values.item()).toFixed(3)}`)
}
