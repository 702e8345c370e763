// Run with --expose-gc: what garbage collection does to the counts of live tensors and models. Prints one JSON object.

import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { memory, tensor, VisionLanguageModel } from '../../../dist/index.js'

const [directory] = process.argv.slice(2)

async function collected() {
  // Finalizers run in turns of their own after the collection.
  for (let i = 0; i < 20; i++) {
    globalThis.gc()
    await sleep(10)
    const { tensors, models } = memory()
    if (tensors + models === 0) break
  }
  return memory()
}

async function leaveBehind() {
  const tensors = Array.from({ length: 100 }, () => tensor(new Float32Array(10_000)))
  const model = await VisionLanguageModel.load(directory)
  const { captured } = await model.forward({ inputIds: [[65, 66]] }, { capture: ['language_model.layers.*'] })
  return { ...memory(), made: tensors.length + 2 + Object.keys(captured).length }
}

// Tensors of a megabyte behind handles of a few bytes: V8 collects them in time only if it was told. No gc() here.
async function mostBytesHeld(count) {
  const data = new Uint8Array(2 ** 20)
  let most = 0
  for (let i = 0; i < count; i++) {
    tensor(data)
    most = Math.max(most, memory().bytes)
    await immediate()
  }
  return most
}

const held = await leaveBehind()
const after = await collected()
const kept = tensor(new Float32Array(4))
const withOne = await collected()
kept.dispose()
console.log(JSON.stringify({ held, after, withOne, most: await mostBytesHeld(1000) }))
