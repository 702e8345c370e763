import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Spectrum, SpectrumMethod } from '../../src/compare/index.ts'
import { decompose } from '../../src/compare/singular-values.ts'
import { compare, float, initCheckpoint, type Tensor, tensor } from '../../src/index.ts'
import { textConfig } from '../native/models.ts'
import { expectedWeights, fixtureTrio, relativeError } from '../surgery/fixtures.ts'

const { root, models } = fixtureTrio()
const { topk } = expectedWeights

// exact is float32; gram works in float64 on a difference that is exact in float32
test.each([
  ['exact', 1e-5],
  ['gram', 1e-9],
] as [SpectrumMethod, number][])('%s: singular values and measures equal NumPy', async (method, tolerance) => {
  const { layers } = await compare.spectrum({ ...models, method, topk })
  expect(layers.map(({ param_name }) => param_name).sort()).toEqual(Object.keys(expectedWeights.spectrum).sort())
  for (const record of layers) {
    const expected = expectedWeights.spectrum[record.param_name]!
    for (const key of ['sft', 'rl'] as const) {
      const actual = record[key] as Spectrum
      const { singular_values, ...measures } = expected[key]
      expect(actual.top_singular_values).toHaveLength(topk)
      actual.top_singular_values.forEach((value, i) => {
        expect(Math.abs(value - singular_values[i]!) / singular_values[0]!).toBeLessThan(tolerance)
      })
      for (const [measure, value] of Object.entries(measures)) {
        const error = relativeError(actual[measure as 'spectral_norm'], value as number)
        // the smallest value of a matrix is exact to σ₁, not to itself
        expect(error, `${record.param_name} ${measure}`).toBeLessThan(measure === 'condition_number' ? 1e-3 : 1e-5)
      }
    }
    for (const side of ['left', 'right'] as const) {
      record.angles['sft,rl']![side].forEach((angle, i) => {
        expect(Math.abs(angle - expected.angles[side][i]!), `${record.param_name} ${side}`).toBeLessThan(1e-4)
      })
    }
  }
})

/** A matrix with singular values `values`, from random orthonormal vectors. */
async function matrixWith(values: readonly number[], rows: number, columns: number): Promise<Tensor> {
  const { ops } = await import('../../src/index.ts')
  const n = values.length
  const left = ops.randn([rows, n], { dtype: 'float64', seed: 1 }).linalg_qr().Q
  const right = ops.randn([columns, n], { dtype: 'float64', seed: 2 }).linalg_qr().Q
  return await left.mul(tensor(Float64Array.from(values))).matmul(right.t())
}

const spread = Array.from({ length: 320 }, (_, i) => 10 ** (-9 * (i / 319)))

test.each([
  [400, 320],
  [320, 400],
])('gram on [%i, %i]: within 1e-9 σ₁ down to 1e-6 σ₁, within 3e-8 σ₁ below', async (rows, columns) => {
  using matrix = await matrixWith(spread, rows, columns)
  const { values } = await decompose(matrix, { method: 'gram', topk: 50, vectors: false })
  spread.forEach((value, i) => {
    expect(Math.abs(values[i]! - value), `σ${i} = ${value}`).toBeLessThan(value >= 1e-6 ? 1e-9 : 3e-8)
  })
})

test('exact in float32 is within 1e-5 σ₁', async () => {
  using matrix = await matrixWith(spread, 400, 320)
  using narrow = await matrix.to('float32')
  const { values } = await decompose(narrow as Tensor, { method: 'exact', topk: 50, vectors: false })
  spread.forEach((value, i) => {
    expect(Math.abs(values[i]! - value)).toBeLessThan(1e-5)
  })
})

test('randomized finds the leading values of a spectrum that decays', async () => {
  using matrix = await matrixWith(spread, 400, 320)
  const { values } = await decompose(matrix, { method: 'randomized', topk: 50, vectors: false })
  expect(values).toHaveLength(50)
  values.forEach((value, i) => {
    expect(relativeError(value, spread[i]!), `σ${i}`).toBeLessThan(1e-2)
  })
  expect(relativeError(values[0]!, 1)).toBeLessThan(1e-5)
})

test('vectors reproduce the leading part of the matrix, whatever its form', async () => {
  for (const [rows, columns] of [
    [400, 320],
    [320, 400],
  ] as const) {
    using matrix = await matrixWith(spread, rows, columns)
    for (const method of ['exact', 'gram', 'randomized'] as const) {
      const { values, vectors } = await decompose(matrix, { method, topk: 20, vectors: true })
      using left = vectors!.left
      using right = vectors!.right
      const leading = tensor(values.slice(0, 20))
      const rest = await matrix
        .sub(left.to('float64').mul(leading).matmul(right.to('float64').t()))
        .norm(float(2))
        .item()
      const norm = Math.sqrt(spread.slice(20).reduce((sum, value) => sum + value ** 2, 0))
      expect(relativeError(Number(rest), norm), `${method} [${rows}, ${columns}]`).toBeLessThan(1e-2)
    }
  }
})

test('condition number and log-volume of a nearly singular update do not come from squares', async () => {
  const config = textConfig({ hiddenSize: 64, layers: 2, heads: 1, keyHeads: 1 })
  const at = (name: string) => path.join(root, `singular-${name}`)
  await initCheckpoint({ config, dtype: 'float64', out: at('in') })
  cpSync(at('in'), at('rl'), { recursive: true })
  const nine = Array.from({ length: 64 }, (_, i) => 10 ** (-9 * (i / 63)))
  const two = nine.map((value) => value ** (2 / 9))
  await addTo(at('rl'), 'model.layers.0.mlp.down_proj.weight', await updateWith(nine, 64, 192))
  await addTo(at('rl'), 'model.layers.1.mlp.down_proj.weight', await updateWith(two, 64, 192))
  const { layers } = await compare.spectrum({ in: at('in'), rl: at('rl'), method: 'gram' })
  for (const [i, values] of [nine, two].entries()) {
    const spectrum = layers[i]!.rl as Spectrum
    expect(spectrum.method).toBe('gram')
    expect(relativeError(spectrum.condition_number!, 1 / values.at(-1)!)).toBeLessThan(1e-5)
    const volume = values.slice(0, 50).reduce((sum, value) => sum + Math.log(value + 1e-12), 0)
    expect(relativeError(spectrum.log_volume, volume)).toBeLessThan(1e-6)
  }

  async function updateWith(values: readonly number[], rows: number, columns: number): Promise<Float64Array> {
    using matrix = await matrixWith(values, rows, columns)
    return (await matrix.data()) as Float64Array
  }
})

/** Adds `update` to a float64 parameter of a checkpoint. */
async function addTo(directory: string, name: string, update: Float64Array): Promise<void> {
  const { entries } = await openCheckpoint(directory)
  const { file, begin, end } = [...entries.values()].find(({ storedName }) => storedName === name)!
  const bytes = readFileSync(file)
  const numbers = new Float64Array(Uint8Array.from(bytes.subarray(begin, end)).buffer)
  bytes.set(new Uint8Array(numbers.map((number, i) => number + update[i]!).buffer), begin)
  writeFileSync(file, bytes)
}

test('a run that was cut off continues and writes the same bytes', async () => {
  const files = (out: string) =>
    ['layerwise_svd.json', 'spectrum.jsonl'].map((file) => readFileSync(path.join(out, file), 'utf8'))
  const whole = path.join(root, 'whole')
  await compare.spectrum({ ...models, topk, out: whole })
  const cut = path.join(root, 'cut')
  const controller = new AbortController()
  const onProgress = ({ done }: { done: number }) => done === 2 && controller.abort()
  await expect(
    compare.spectrum({ ...models, topk, out: cut, signal: controller.signal, onProgress }),
  ).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  await compare.spectrum({ ...models, topk, out: cut })
  expect(files(cut)).toEqual(files(whole))
})

test('an unknown component is an error with the nearest name', async () => {
  await expect(compare.spectrum({ ...models, component: 'down_poj' })).rejects.toMatchObject({
    code: 'ERR_UNKNOWN_PARAMETER',
    message: expect.stringContaining("'down_proj'"),
  })
})
