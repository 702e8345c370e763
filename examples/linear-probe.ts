// A linear probe trained with autograd: can a layer tell an even number from an odd one before the model has answered?
//
//   node examples/linear-probe.ts MODEL [LAYER [STEPS]]
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { grad, ops, scope, type Tensor, tensor, VisionLanguageModel, zeros } from '../src/index.ts'

const [directory, layer, steps = '200'] = process.argv.slice(2)
if (!directory) throw new Error('Expected a checkpoint')

await using model = await VisionLanguageModel.load(directory)
const point = `language_model.layers.${layer ?? Math.floor(model.config.numHiddenLayers / 2)}`
const numbers = Array.from({ length: 64 }, (_, i) => 10 + 7 * i)

// [numbers, hidden], on the CPU: what the layer holds at the last token
const inputs = await model.processor({ text: numbers.map((number) => `The number ${number}`) })
const outputs = await model.forwardBatch(inputs, { capture: [point] })
using features = await ops.cat(outputs.map(({ captured }) => captured[point]!.select(1, -1).to('cpu', 'float32')))
using spread = await features.std(0).add(1e-6)
using x = await features.sub(features.mean(0)).div(spread)
using y = tensor(numbers.map((number) => number % 2))

const [fitted, held] = [
  [0, 48],
  [48, 16],
] as const
const loss = (w: Tensor, b: Tensor) =>
  x
    .narrow(0, ...fitted)
    .matmul(w)
    .add(b)
    .binary_cross_entropy_with_logits(y.narrow(0, ...fitted))

let weights = { w: await zeros([x.shape[1]!]).requiresGrad(), b: await zeros([]).requiresGrad() }
for (let step = 0; step < Number(steps); step++) {
  const { w, b } = weights
  weights = await scope(async () => {
    const [dw, db] = grad(loss(w, b), [w, b])
    return { w: await w.sub(dw!, { alpha: 0.1 }).requiresGrad(), b: await b.sub(db!, { alpha: 0.1 }).requiresGrad() }
  })
  w.dispose()
  b.dispose()
}

const { w, b } = weights
const accuracy = async ([from, count]: readonly [number, number]) =>
  Number(
    await x
      .narrow(0, from, count)
      .matmul(w)
      .add(b)
      .gt(0)
      .eq(y.narrow(0, from, count))
      .to('float32')
      .mean()
      .item(),
  )
console.log(`loss ${Number(await loss(w, b).item()).toFixed(3)}`)
console.log(`accuracy: fitted ${await accuracy(fitted)}, held out ${await accuracy(held)}`)
