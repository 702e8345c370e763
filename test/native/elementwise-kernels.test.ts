import { afterAll, beforeAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { all } from '../../src/tensor/evaluate.ts'
import type { Expression } from '../../src/tensor/expression.ts'
import { ops } from '../../src/tensor/ops.ts'
import { record } from '../../src/tensor/record.ts'
import { tensor } from '../../src/tensor/tensor.ts'

let threads: number
beforeAll(async () => {
  threads = await native().numThreads()
  await native().setNumThreads(2)
})
afterAll(() => native().setNumThreads(threads))

type Dtype = 'bfloat16' | 'float32' | 'float64'
const own = (name: string, ...inputs: (Expression | number)[]) => record(name, 'own', inputs) as Expression
const random = (shape: number[], dtype: Dtype, seed: number) => ops.randn(shape, { seed }).to(dtype)

/** Share of numbers that differ, and the largest difference relative to the larger of `least` and the number itself. */
async function differences(ours: Expression, plain: Expression, least = 1) {
  const [a, b] = [ours.to('float64'), plain.to('float64')]
  const { share, largest } = await all({
    share: a.ne(b).to('float64').mean(),
    largest: a.sub(b).abs().div(b.abs().clamp(least)).max(),
  })
  return { share: Number(await share.item()), largest: Number(await largest.item()) }
}

// One sum in another order, an exponential that is off in its last bit, or a product that is not rounded before it is
// added, moves few numbers, and those by one place of bfloat16's 8 bits or a few of float32's 24.
const bounds = {
  bfloat16: { share: 0.01, least: 2 ** -10, largest: 2 ** -7 },
  float32: { share: 1, least: 1, largest: 2 ** -20 },
  float64: { share: 0, least: 1, largest: 0 }, // left to ATen
}
async function expectAlike(ours: Expression, plain: Expression, dtype: Dtype) {
  const { share, largest } = await differences(ours, plain, bounds[dtype].least)
  expect(share).toBeLessThanOrEqual(bounds[dtype].share)
  expect(largest).toBeLessThanOrEqual(bounds[dtype].largest)
}

const dtypes: Dtype[] = ['bfloat16', 'float32', 'float64']
const accumulated = (dtype: Dtype) => (dtype === 'float64' ? 'float64' : 'float32')

function plainRmsNorm(x: Expression, weight: Expression, dtype: Dtype): Expression {
  const wide = x.to(accumulated(dtype))
  const scale = wide.square().mean([-1], true).add(1e-6).rsqrt()
  return weight.mul(wide.mul(scale).to(dtype))
}

test.each(dtypes)('rms_norm in %s is the operators one by one', async (dtype) => {
  for (const shape of [
    [1, 1],
    [3, 7],
    [37, 2048],
    [231, 1280],
    [2, 3, 33],
  ]) {
    const [x, weight] = [random(shape, dtype, 1), random(shape.slice(-1), dtype, 2)]
    await expectAlike(own('rms_norm', x, weight, 1e-6), plainRmsNorm(x, weight, dtype), dtype)
  }
})

test.each(dtypes)('swiglu in %s is silu and a product', async (dtype) => {
  for (const shape of [[1], [5, 33], [37, 11008], [2, 3, 4]]) {
    const [gate, up] = [random(shape, dtype, 3).mul(4), random(shape, dtype, 4)]
    await expectAlike(own('swiglu', gate, up), ops.silu(gate).mul(up), dtype)
  }
})

test('swiglu of very large, infinite and missing numbers', async () => {
  using numbers = tensor([-1e30, -200, -90, 90, 200, Number.POSITIVE_INFINITY, Number.NaN], { dtype: 'float32' })
  const gate = numbers.to('float32')
  const values = await (await own('swiglu', gate, gate.mul(0).nan_to_num(0).add(1))).data()
  expect([...values].map((value) => Math.round(Number(value)))).toEqual([-0, -0, -0, 90, 200, Infinity, NaN])
})

function plainRotate(x: Expression, cos: Expression, sin: Expression, half: number, wide: Dtype): Expression {
  const head = x.to(wide)
  const turned = ops.cat([head.narrow(-1, half, half).neg(), head.narrow(-1, 0, half)], -1)
  return head.mul(cos).add(turned.mul(sin))
}

test.each([
  ['bfloat16', 'bfloat16'],
  ['bfloat16', 'float32'],
  ['float32', 'float32'],
  ['float64', 'float64'],
] as const)('rotate in %s by angles in %s is the operators one by one', async (dtype, wide) => {
  for (const [tokens, heads, width] of [
    [1, 1, 2],
    [5, 3, 6],
    [37, 16, 128],
    [784, 16, 80],
  ] as const) {
    const x = random([tokens, heads, width], dtype, 5)
    const angles = random([tokens, 1, width], 'float64', 6)
    const [cos, sin] = [angles.cos().to(wide), angles.sin().to(wide)]
    await expectAlike(own('rotate', x, cos, sin), plainRotate(x, cos, sin, width / 2, wide).to(dtype), dtype)
  }
})

test('rotate reads heads where they lie in a wider matrix', async () => {
  const wide = random([10, 3, 4, 16], 'bfloat16', 7)
  const [cos, sin] = [random([10, 1, 16], 'float32', 8), random([10, 1, 16], 'float32', 9)]
  const part = wide.select(1, 1)
  const { share } = await differences(own('rotate', part, cos, sin), own('rotate', part.contiguous(), cos, sin))
  expect(share).toBe(0)
})
