import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { defineMethod, initCheckpoint, merge, overall, VisionLanguageModel } from '../../src/index.ts'
import { pieceElements } from '../../src/surgery/plan.ts'
import { textConfig } from '../native/models.ts'
import { expectedWeights, fixtureTrio } from './fixtures.ts'
import { parametersOf } from './models.ts'

const { root, models } = fixtureTrio()
let count = 0
const out = () => path.join(root, `merged-${count++}`)

// Values of scripts/fixtures_weights.py, in float64 from the papers' formulas.
test.each(Object.entries(expectedWeights.methods))(
  '%s equals a plain NumPy formula to 1e-6',
  async (_name, { recipe, parameters }) => {
    const { directory } = await merge(recipe, { ...models, dtype: 'float32', out: out() })
    const merged = await parametersOf(directory)
    for (const [name, encoded] of Object.entries(parameters)) {
      const expected = new Float64Array(Uint8Array.from(Buffer.from(encoded, 'base64')).buffer)
      const actual = new Float32Array(Uint8Array.from(merged.get(name)!).buffer)
      expect(actual.length).toBe(expected.length)
      const scale = Math.max(...expected.map(Math.abs))
      const error = Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)))
      expect(error / scale, name).toBeLessThan(1e-6)
    }
  },
)

test('float64 is merged in float64', async () => {
  const { recipe, parameters } = expectedWeights.methods.slerp!
  const { directory } = await merge(recipe, { ...models, dtype: 'float64', out: out() })
  const merged = await parametersOf(directory)
  for (const [name, encoded] of Object.entries(parameters)) {
    const expected = new Float64Array(Uint8Array.from(Buffer.from(encoded, 'base64')).buffer)
    const actual = new Float64Array(Uint8Array.from(merged.get(name)!).buffer)
    expect(Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)))).toBeLessThan(1e-12)
  }
})

test('the logits of a splice are those that transformers computes of the same weights', async () => {
  const { text, input_ids, logits } = expectedWeights.splice
  const { directory } = await merge(text, { ...models, out: out() })
  await using model = await VisionLanguageModel.load(directory, { dtype: 'float32' })
  const result = await model.forward({ inputIds: input_ids })
  const data = (await result.logits.data()) as Float32Array
  const last = data.slice(-logits.length)
  const scale = Math.max(...logits.map(Math.abs))
  expect(Math.max(...logits.map((value, i) => Math.abs(value - last[i]!))) / scale).toBeLessThan(5e-5)
})

test('a method of one’s own is named in recipes like the others', async () => {
  defineMethod('overshoot', {
    parameters: { by: overall(2) },
    base: 'none',
    models: { min: 2, max: 2 },
    combine: ({ models: [a, b] }, { by }) => a!.lerp(b!, by),
  })
  const recipe = { merge_method: 'overshoot', models: [{ model: 'in' }, { model: 'rl' }], parameters: { by: 3 } }
  const { directory } = await merge(recipe, { ...models, dtype: 'float32', out: out() })
  const name = 'language_model.layers.1.mlp.up_proj.weight'
  const widened = (bytes: Buffer) =>
    Array.from(
      new Uint16Array(Uint8Array.from(bytes).buffer),
      (bits) => new Float32Array(new Uint32Array([bits << 16]).buffer)[0]!,
    )
  const [a, b] = [models.in, models.rl].map(async (directory) => widened((await parametersOf(directory)).get(name)!))
  const [from, to] = [await a!, await b!]
  const merged = new Float32Array(Uint8Array.from((await parametersOf(directory)).get(name)!).buffer)
  merged.forEach((value, i) => {
    expect(value).toBeCloseTo(from[i]! + 3 * (to[i]! - from[i]!), 5)
  })
  expect(() => defineMethod('overshoot', { parameters: {}, base: 'none', combine: ({ models: [a] }) => a! })).toThrow(
    'no merge method has',
  )
})

describe('a parameter of several pieces', () => {
  // the embedding, 288 × 4096, is three pieces, the last of them short
  const config = textConfig({ hiddenSize: 4096, layers: 1, heads: 1, keyHeads: 1 })
  const embedding = 'language_model.embed_tokens.weight'
  const made = (name: string) => path.join(root, `wide-${name}`)
  const wide = { base: made('base'), in: made('in'), rl: made('rl') }
  const values = async (directory: string) => {
    const bytes = (await parametersOf(directory)).get(embedding)!
    return new Float32Array(Uint8Array.from(bytes).buffer)
  }
  beforeAll(async () => {
    const small = { ...config, intermediate_size: 64 }
    for (const [seed, directory] of Object.values(wide).entries())
      await initCheckpoint({ config: small, seed, dtype: 'float32', out: directory })
  })
  const two = [{ model: 'in' }, { model: 'rl' }]

  test('is merged as one', async () => {
    expect(288 * 4096).toBeGreaterThan(2 * pieceElements)
    const parameters = { weight: 0.5 }
    const { directory } = await merge({ merge_method: 'linear', models: two, parameters }, { ...wide, out: out() })
    const [a, b, merged] = await Promise.all([wide.in, wide.rl, directory].map(values))
    const errors = merged!.map((value, i) => Math.abs(value - (a![i]! + b![i]!) / 2))
    expect(merged).toHaveLength(288 * 4096)
    expect(errors.reduce((most, value) => Math.max(most, value), 0)).toBeLessThan(1e-8)
  })

  test('draws other numbers in each', async () => {
    const recipe = { merge_method: 'dare_linear', base_model: 'base', models: [two[0]!] }
    const { directory } = await merge(recipe, { ...wide, out: out() })
    const [base, merged] = await Promise.all([wide.base, directory].map(values))
    const kept = [...merged!].map((value, i) => value !== base![i])
    const pieces = [0, 1].map((piece) => kept.slice(piece * pieceElements, (piece + 1) * pieceElements))
    for (const piece of pieces) expect(Math.abs(piece.filter(Boolean).length / pieceElements - 0.5)).toBeLessThan(0.005)
    const agree = pieces[0]!.filter((value, i) => value === pieces[1]![i]).length / pieceElements
    expect(Math.abs(agree - 0.5)).toBeLessThan(0.005)
  })
})

test('pieces of a parameter draw what the whole would', async () => {
  const { recordOwn } = await import('../../src/tensor/record.ts')
  const { ops } = await import('../../src/tensor/ops.ts')
  const draw = async (size: number, first: number) =>
    Array.from(
      (await (
        recordOwn('keep', [ops.empty([size]), 0.5, 11, first]) as PromiseLike<{ data(): Promise<Float32Array> }>
      ).then((t) => t.data())) as Float32Array,
    )
  const whole = await draw(4096, 0)
  expect(await draw(1024, 2048)).toEqual(whole.slice(2048, 3072))
  const share = whole.reduce((sum, value) => sum + value, 0) / whole.length
  expect(Math.abs(share - 0.5)).toBeLessThan(0.04)
})
