import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { MappedCheckpoint } from '../../src/checkpoint/mapped.ts'
import type { Energy } from '../../src/compare/index.ts'
import { compare } from '../../src/index.ts'
import { native } from '../../src/native.ts'
import { expectedWeights, fixtureTrio, relativeError } from '../surgery/fixtures.ts'

const { root, models } = fixtureTrio()

test('energy equals NumPy to 1e-6, across the two layouts of names', async () => {
  const { layers, histograms } = await compare.energy(models)
  expect(layers.map(({ param_name }) => param_name).sort()).toEqual(Object.keys(expectedWeights.energy).sort())
  for (const record of layers) {
    const expected = expectedWeights.energy[record.param_name]!
    for (const key of ['sft', 'rl'] as const) {
      const actual = record[key] as Energy
      for (const [measure, value] of Object.entries(expected[key])) {
        expect(
          relativeError(actual[measure as 'fro_norm'], value),
          `${record.param_name} ${key} ${measure}`,
        ).toBeLessThan(1e-6)
      }
    }
    expect(Math.abs((record.rl as Energy).cosine.sft! - expected.cosine)).toBeLessThan(1e-6)
  }
  const { bin_log2, counts } = histograms.rl!
  const found = Object.fromEntries(
    bin_log2.flatMap((exponent, bin) => (counts[bin]! > 0 ? [[String(exponent), counts[bin]]] : [])),
  )
  expect(found).toEqual(expectedWeights.histogram)
})

test('every parameter of every checkpoint is taken once, and one kernel looks at all of them together', async () => {
  const tensor = vi.spyOn(MappedCheckpoint.prototype, 'tensor')
  await native().countOperations(true)
  const { layers } = await compare.energy(models)
  const counted = await native().countOperations(false)
  const taken = tensor.mock.calls.map(([{ file, begin }]) => `${file} ${begin}`)
  tensor.mockRestore()
  expect(taken).toHaveLength(layers.length * Object.keys(models).length)
  expect(new Set(taken).size).toBe(taken.length)
  expect(counted).toEqual({ 'frankentorch::update_statistics': layers.length })
})

test('places are those of the paper, depths come from the checkpoint', async () => {
  const { layers, summary, sections, metadata } = await compare.energy(models)
  const place = (name: string) => layers.find(({ param_name }) => param_name === name)
  const { depth } = { depth: metadata.vision_depth }
  expect(place('visual.blocks.0.attn.qkv.weight')).toMatchObject({
    layer_idx: -depth,
    section: 'Vision Encoder',
    component: 'Attention',
  })
  expect(place('visual.merger.mlp.0.weight')).toMatchObject({ layer_idx: 0, section: 'Projector', component: 'MLP' })
  expect(place('visual.merger.ln_q.weight')).toMatchObject({ layer_idx: 0, component: 'Other' })
  expect(place('language_model.layers.3.mlp.down_proj.weight')).toMatchObject({
    layer_idx: 4,
    section: 'LLM Backbone',
    component: 'MLP',
    region: 'late',
  })
  expect(place('language_model.layers.0.input_layernorm.weight')).toBeUndefined()
  expect(place('language_model.embed_tokens.weight')).toBeUndefined()
  expect(summary.map(({ layer_idx }) => layer_idx)).toEqual(Array.from({ length: depth + 5 }, (_, i) => i - depth))
  expect(sections.map(({ section }) => section)).toEqual(['Vision Encoder', 'Projector', 'LLM Backbone'])
  const own = layers.filter(({ layer_idx }) => layer_idx === 2).map(({ sft }) => (sft as Energy).fro_norm)
  expect(summary.find(({ layer_idx }) => layer_idx === 2)!.sft).toMatchObject({
    n_params: own.length,
    fro_norm_sum: own.reduce((sum, norm) => sum + norm, 0),
  })
})

test('the file and its plots are written, and another comparison is refused there', async () => {
  const out = path.join(root, 'energy')
  const result = await compare.energy({ ...models, out })
  expect(JSON.parse(readFileSync(path.join(out, 'fro_norm.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(result)))
  for (const chart of ['fro_norm', 'relative_norm', 'unchanged', 'cosine', 'histogram']) {
    expect(existsSync(path.join(out, `${chart}.png`)), chart).toBe(true)
    expect(readFileSync(path.join(out, `${chart}.svg`), 'utf8')).toContain('<svg')
  }
  expect(readFileSync(path.join(out, 'fro_norm.svg'), 'utf8')).toContain('middle')
  const before = readFileSync(path.join(out, 'fro_norm.json'))
  await compare.energy({ ...models, out })
  expect(readFileSync(path.join(out, 'fro_norm.json')).equals(before)).toBe(true)
  await expect(compare.energy({ ...models, out, select: 'early' })).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
})

test('two checkpoints, or four, and a selection of parameters', async () => {
  const two = await compare.energy({ in: models.in, rl: models.rl, select: ['language_model.layers[1:3].mlp'] })
  expect(two.layers.map(({ param_name }) => param_name)).toHaveLength(6)
  expect(two.metadata.updates).toEqual([{ key: 'rl', from: 'in', to: 'rl' }])
  const four = await compare.energy({ ...models, more: { again: models.in }, select: 'early' })
  const [record] = four.layers
  expect((record!.again as Energy).fro_norm).toBe((record!.rl as Energy).fro_norm)
  expect((record!.again as Energy).cosine.rl).toBeCloseTo(-1, 12)
  await expect(compare.energy({ base: models.base })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
})
