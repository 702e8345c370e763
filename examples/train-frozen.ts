// Reinforcement learning with a block frozen, then with another: which third of the decoder does it need?
//
//   node examples/train-frozen.ts MODEL DATA OUT [STEPS=20]
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.
// DATA is a file of prompts with answers; `frankentorch world --out world` draws one (world/train.grpo.jsonl).

import { join } from 'node:path'
import { train, VisionLanguageModel } from '../src/index.ts'

const [directory, data, out, steps = '20'] = process.argv.slice(2)
if (!directory || !data || !out) throw new Error('Expected a checkpoint, a data file and a directory')

for (const block of ['early', 'middle', 'late']) {
  await using model = await VisionLanguageModel.load(directory, { dtype: 'float32' })
  const { metrics } = await train.grpo(model, {
    data,
    freeze: [block],
    loss: 'grpo',
    steps: Number(steps),
    batch: 4,
    group: 8,
    maxNewTokens: 32,
    lr: 1e-4,
    out: join(out, block),
    onProgress: ({ done, total }) => console.error(`${block}: ${done} of ${total} steps`),
  })
  console.log(block, metrics.at(-1)!.reward)
}
