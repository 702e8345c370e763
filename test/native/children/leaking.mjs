// 10,000 rounds of what a long session does; prints live handles and resident memory after each thousand, collected.
import { memory, tensor, VisionLanguageModel } from '../../../dist/index.js'

const [directory, rounds] = process.argv.slice(2)
const model = await VisionLanguageModel.load(directory, { dtype: 'float32' })
const point = 'language_model.layers.1'
const weight = 'language_model.layers.0.mlp.down_proj.weight'
const inputs = { inputIds: [[1, 2, 3]] }
const after = []
for (let round = 1; round <= Number(rounds); round++) {
  const vector = tensor([round])
  const hook = model.hook(point, (x) => x.add(vector).mul(0.5), { positions: [1] })
  await model.edit(weight, (w) => w.mul(2))
  await model.forward(inputs, { capture: [point] }) // its tensors are left to the collector
  await model.restore()
  hook.dispose()
  vector.dispose()
  if (round % (Number(rounds) / 10)) continue
  await collected()
  after.push({ ...memory(), resident: process.memoryUsage.rss() })
}
console.log(JSON.stringify(after))
await model.dispose()

async function collected() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
