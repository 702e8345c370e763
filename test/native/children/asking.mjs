// Says 'asked' from a callback that never answers, so that its engine waits when the worker ends.
import { parentPort, workerData } from 'node:worker_threads'
import { VisionLanguageModel } from '../../../dist/index.js'

const model = await VisionLanguageModel.load(workerData.directory)
model.hookAsync(workerData.point, () => {
  parentPort.postMessage('asked')
  return new Promise(() => {})
})
await model.forward({ inputIds: [[1, 2, 3]] })
