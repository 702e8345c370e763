// Attribution patching (Nanda, 2023): what activation patching at every layer and position would change, to first order, from one pass with gradients:
// (clean − corrupted) · ∂(answer's logit)/∂value. Both prompts must have as many tokens.
//
//   node examples/attribution-patching.ts MODEL ["The sky is" ["The sea is"]]
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { all, grad, VisionLanguageModel } from '../src/index.ts'

const [directory, cleanText = 'The sky is', corruptedText = 'The sea is'] = process.argv.slice(2)
if (!directory) throw new Error('Expected a checkpoint')

await using model = await VisionLanguageModel.load(directory)
const [clean, corrupted] = [
  await model.processor({ text: [cleanText] }),
  await model.processor({ text: [corruptedText] }),
]
const tokens = clean.inputIds[0]!.length
if (corrupted.inputIds[0]!.length !== tokens) throw new Error('Expected two prompts of as many tokens')

const capture = ['language_model.layers.*']
const source = await model.forward(clean, { capture })
const answer = Number(await source.logits.select(1, -1).argmax().item())

const { logits, captured } = await model.forward(corrupted, { capture, grad: true })
const points = Object.keys(captured)
const slopes = grad(
  logits.select(1, -1).select(1, answer).sum(),
  points.map((point) => captured[point]!),
)
const effects = await all(
  points.map((point, i) => source.captured[point]!.sub(captured[point]!).mul(slopes[i]!).sum(-1).to('float32')),
)
for (const [i, point] of points.entries()) {
  const [byToken] = (await effects[i]!.tolist()) as number[][]
  console.log(point, byToken!.map((effect) => effect.toFixed(3)).join(' '))
}
