// A worker that loads the model of `workerData.directory` and then, until told to stop, does `workerData.work` over and over.
// Posts what each round gave.

import { parentPort, workerData } from 'node:worker_threads'
import { tensor, VisionLanguageModel } from '../../../dist/index.js'

const { directory, work, rounds } = workerData
const prompt = { inputIds: [[65, 66, 67]] }

const works = {
  generate: async (model) => (await model.generate(prompt, { maxNewTokens: 24 })).tokenIds,
  // Work that fills the queue, so that a worker is terminated with jobs of every kind at every stage.
  everything: async (model) => {
    const pixels = { data: new Uint8Array(300 * 300 * 3), width: 300, height: 300, channels: 3 }
    const messages = [{ role: 'user', content: [{ type: 'image', image: pixels }] }]
    const values = tensor(new Float32Array(100_000))
    const jobs = [
      model.generate(messages, { maxNewTokens: 8 }),
      model.generate(prompt, { maxNewTokens: 500 }),
      model.forward(prompt, { capture: ['language_model.layers.*'] }),
      VisionLanguageModel.load(directory, { dtype: 'float64' }),
      values.data(),
    ]
    return (await Promise.all(jobs)).length
  },
}

const model = await VisionLanguageModel.load(directory)
for (let round = 0; round < rounds; round++) {
  parentPort.postMessage('begun')
  parentPort.postMessage(await works[work](model))
}
await model.dispose()
