import { afterAll } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { native } from '../../src/native.ts'
import { fixture } from '../processor/fixture.ts'
import type { Precision } from './tolerance.ts'

/** The checkpoints of the fixtures, each loaded once per dtype and unloaded when the file is done. */
export function fixtureModels() {
  const loaded = new Map<string, Promise<VisionLanguageModel>>()
  afterAll(async () => {
    for (const model of loaded.values()) await (await model).dispose()
  })
  return (name: string, dtype: Precision | 'bfloat16' = 'float32'): Promise<VisionLanguageModel> => {
    const key = `${name} ${dtype}`
    const model = loaded.get(key) ?? load(name, dtype)
    loaded.set(key, model)
    return model
  }
}

// Models this small only lose by a second thread: on two busy cores five times the processor time.
async function load(name: string, dtype: Precision | 'bfloat16'): Promise<VisionLanguageModel> {
  await native().setNumThreads(1)
  return VisionLanguageModel.load(fixture(`models/${name}`), { dtype })
}
