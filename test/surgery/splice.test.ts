import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { merge, planMerge } from '../../src/index.ts'
import { parametersOf, trio } from './models.ts'

test('layers of a splice are bit-identical to their donors, everything else to the model named first', async () => {
  const { root, base, ...models } = await trio({ dtype: 'bfloat16' })
  const { directory } = await merge('IN early 1/3 + RL late 2/3', { ...models, out: path.join(root, 'spliced') })
  const [spliced, first, donor] = await Promise.all([directory, models.in, models.rl].map(parametersOf))
  expect([...spliced!.keys()]).toEqual([...first!.keys()])
  for (const [name, bytes] of spliced!) {
    const layer = Number(/^language_model\.layers\.(\d+)/.exec(name)?.[1] ?? 0)
    expect(bytes.equals((layer >= 1 ? donor : first)!.get(name)!), name).toBe(true)
  }
})

test('the result has names, shards and side files of the first model, provenance and a card', async () => {
  const { root, base, ...models } = await trio({ layout: 'nested', maxShardBytes: 200_000 })
  const { directory } = await merge('RL early 2/3 + IN late 1/3', { ...models, out: path.join(root, 'spliced') })
  const added = ['README.md', 'merge.json']
  expect(readdirSync(directory).sort()).toEqual([...new Set([...readdirSync(models.rl), ...added])].sort())
  const index = (at: string) => JSON.parse(readFileSync(path.join(at, 'model.safetensors.index.json'), 'utf8'))
  expect(index(directory)).toEqual(index(models.rl))
  const record = JSON.parse(readFileSync(path.join(directory, 'merge.json'), 'utf8'))
  expect(record).toMatchObject({ recipe: 'RL early 2/3 + IN late 1/3', first: 'rl', layer_cuts: [1, 3], seed: 0 })
  expect(record.parameters['language_model.layers.2.mlp.up_proj.weight'].from).toEqual(['rl'])
  expect(record.parameters['language_model.layers.3.mlp.up_proj.weight'].from).toEqual(['in'])
  expect(Object.keys(record.parameters)).toHaveLength(116)
  expect(readFileSync(path.join(directory, 'README.md'), 'utf8')).toContain('| layers 3–4 | in |')
})

test('the same merge writes the same bytes', async () => {
  const { root, base, ...models } = await trio()
  const text = 'IN layers 1-3 ablate noise=0.5'
  const files = [1, 2].map((n) => path.join(root, `out-${n}`))
  for (const out of files) await merge(text, { ...models, out, seed: 7 })
  for (const name of readdirSync(files[0]!)) {
    const [one, other] = files.map((out) => readFileSync(path.join(out, name)))
    expect(one!.equals(other!), name).toBe(true)
  }
  await merge(text, { ...models, out: path.join(root, 'other'), seed: 8 })
  const weights = (out: string) => readFileSync(path.join(out, 'model.safetensors'))
  expect(weights(path.join(root, 'other')).equals(weights(files[0]!))).toBe(false)
})

test('a plan says what would be written and writes nothing', async () => {
  const { root, base, ...models } = await trio()
  const out = path.join(root, 'new', 'spliced')
  const plan = await planMerge('IN layers 1-3 interpolate RL alpha=0.5', { ...models, out })
  expect(plan).toMatchObject({ directory: out, parameters: 116 })
  expect(plan.methods.map(({ name }) => name).sort()).toEqual(['copy', 'linear'])
  expect(plan.bytes).toBe(plan.methods.reduce((sum, { bytes }) => sum + bytes, 0))
  expect(plan.memory).toBeGreaterThan(0)
  expect(existsSync(path.join(root, 'new'))).toBe(false)
  expect(readdirSync(root).sort()).toEqual(['base', 'in', 'rl'])
})

test('slices put layers of any place into any other, bit by bit, and merge them where a slice has several sources', async () => {
  const { root, base, ...models } = await trio({ dtype: 'bfloat16' })
  const slice = (...sources: [string, number, number][]) => ({
    sources: sources.map(([model, begin, end]) => ({ model, layer_range: [begin, end] as [number, number] })),
  })
  const halves = { ...slice(['in', 4, 5], ['rl', 0, 1]), merge_method: 'linear', parameters: { weight: 0.5 } }
  const recipe = { merge_method: 'passthrough', slices: [slice(['in', 3, 5]), slice(['rl', 1, 3]), halves] }
  const { directory } = await merge(recipe, { ...models, out: path.join(root, 'sliced') })
  const [sliced, first, other] = await Promise.all([directory, models.in, models.rl].map(parametersOf))
  const from = [
    [first, 3],
    [first, 4],
    [other, 1],
    [other, 2],
  ] as const
  let computed = 0
  for (const [name, bytes] of sliced!) {
    const [, layer, rest] = /^language_model\.layers\.(\d+)\.(.+)/.exec(name) ?? []
    const source = layer === undefined ? ([first, 0] as const) : from[Number(layer)]
    if (source) {
      const there = layer === undefined ? name : `language_model.layers.${source[1]}.${rest}`
      expect(bytes.equals(source[0]!.get(there)!), name).toBe(true)
    } else {
      const [a, b] = [first!.get(`language_model.layers.4.${rest}`)!, other!.get(`language_model.layers.0.${rest}`)!]
      const mean = bfloat16(a).map((value, i) => (value + bfloat16(b)[i]!) / 2)
      bfloat16(bytes).forEach((value, i) => {
        expect(Math.abs(value - mean[i]!)).toBeLessThanOrEqual(Math.abs(mean[i]!) / 256)
      })
      computed++
    }
  }
  expect(computed).toBe(12)

  function bfloat16(bytes: Buffer): number[] {
    const bits = new Uint32Array(bytes.length / 2).map((_, i) => bytes.readUInt16LE(2 * i) << 16)
    return Array.from(new Float32Array(bits.buffer))
  }
})
