import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { midSize } from '../../bench/shapes/mid-size.ts'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { disposeInputs, type Inputs } from '../../src/model/inputs.ts'
import type { Intervention } from '../../src/model/interventions.ts'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { fixture } from '../processor/fixture.ts'

// As in sweep.test.ts: in float64 rounding decides no token.
const directory = mkdtempSync(join(tmpdir(), 'frankentorch-mid-size-'))
let model: VisionLanguageModel
beforeAll(async () => {
  const { directory: checkpoint } = await initCheckpoint({ config: midSize, std: 0.05, out: join(directory, 'model') })
  model = await VisionLanguageModel.load(checkpoint, { dtype: 'float64' })
})
afterAll(async () => {
  await model.dispose()
  rmSync(directory, { recursive: true })
})

function prompt(image: string): Promise<Inputs> {
  const size = { resized_height: 84, resized_width: 112 }
  const content = [
    { type: 'image' as const, image: fixture(`images/${image}`), ...size },
    { type: 'text' as const, text: 'How many?' },
  ]
  return model.processor.prepare([{ role: 'user', content }])
}

test('at mid size every swapped and ablated reply of a sweep is the one computed alone, whatever the memory', async () => {
  const [target, other] = [await prompt('pair-target.png'), await prompt('pair-source.png')]
  using source = await model.prefill(other)
  const layers = Array.from({ length: model.config.numHiddenLayers }, (_, i) => i)
  const swap = (point: string): Intervention[] => [
    { kind: 'swap', point, positions: 'image', steps: 'prefill', resample: true, source },
  ]
  const configurations: Intervention[][] = [
    [],
    ...layers.map((i) => swap(`language_model.layers[${i}:]`)),
    swap('language_model.layers.5'),
    ...[0, 5, 11].map((i): Intervention[] => [{ kind: 'skip', point: `language_model.layers.${i}` }]),
    [{ kind: 'zero', point: 'language_model.layers.3.mlp' }],
    [{ kind: 'zero', point: 'language_model.layers.7.self_attn' }],
  ]
  const options = { maxNewTokens: 3 }
  const alone: number[][] = []
  for (const interventions of configurations)
    alone.push((await model.generate(target, { ...options, interventions })).tokenIds)
  for (const maxMemory of [undefined, 40_000_000]) {
    const replies = await model.sweep(target, configurations, { ...options, maxMemory })
    expect(replies.map(({ tokenIds }) => tokenIds)).toEqual(alone)
  }
  expect(new Set(alone.map(String)).size).toBeGreaterThan(3)
  for (const inputs of [target, other]) disposeInputs(inputs)
}, 240_000)
