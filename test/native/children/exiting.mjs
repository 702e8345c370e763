// A process that ends in the way of its first argument while the engine works on what its second names.

import { setTimeout as sleep } from 'node:timers/promises'
import { tensor, VisionLanguageModel } from '../../../dist/index.js'

const [how, what, directory] = process.argv.slice(2)
const prompt = { inputIds: [[65, 66, 67]] }
const long = { inputIds: [Array.from({ length: 500 }, (_, i) => i % 250)] }
const model = await VisionLanguageModel.load(directory)
const pixels = { data: new Uint8Array(1000 * 1000 * 3), width: 1000, height: 1000, channels: 3 }

const works = {
  loading: () => VisionLanguageModel.load(directory, { dtype: 'float64' }),
  prefill: () => model.forward(long, { capture: ['**'] }),
  generation: () => model.generate(prompt, { maxNewTokens: how === 'ends' ? 30 : 20_000 }),
  preprocessing: () => model.processor({ text: '<|image_pad|>', images: [pixels] }),
  reading: () => tensor(new Float32Array(1_000_000)).data(),
}

// Several at once: one runs, the others wait.
const jobs = Array.from({ length: 4 }, works[what])
for (const job of jobs) job.catch(() => console.log('rejected'))
await sleep(how === 'ends' ? 0 : 5)
console.log('working')
if (how === 'exit') process.exit(7)
if (how === 'throw') throw new Error('on purpose')
if (how === 'interrupt') process.kill(process.pid, 'SIGINT')
if (how === 'ends') {
  process.exitCode = 7
  for (const job of jobs) job.then(() => console.log('done'))
}
