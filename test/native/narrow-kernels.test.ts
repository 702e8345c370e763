import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { all, type Expression, grad, ops, randn, type Tensor } from '../../src/index.ts'
import { native } from '../../src/native.ts'
import { record } from '../../src/tensor/record.ts'

let threads: number
beforeAll(async () => {
  threads = await native().numThreads()
})
afterAll(() => native().setNumThreads(threads))

const own = (name: string, ...inputs: unknown[]) => record(name, 'own', inputs) as Expression
type Of = (...leaves: Tensor[]) => Expression

/** The largest error of the value and of each gradient of `ours`, relative to the largest number of the float64 twin's, or 1. */
async function errors(dtype: 'float32' | 'float64', shapes: readonly number[][], ours: Of, plain: Of) {
  const narrow: Tensor[] = []
  const wide: Tensor[] = []
  for (const [i, shape] of shapes.entries()) {
    narrow.push(await (await randn(shape, { seed: i + 1 })).to(dtype).requiresGrad())
    wide.push(await narrow[i]!.detach().to('float64').requiresGrad())
  }
  const results = async (leaves: readonly Tensor[], of: Of) => {
    const y = await of(...leaves)
    const loss = y.mul(ops.randn(y.shape, { seed: 9 }).to(leaves[0]!.dtype)).sum()
    return [y, ...(await all(grad(loss, leaves)))]
  }
  const found = await results(narrow, ours)
  const apart: number[] = []
  for (const [i, wanted] of (await results(wide, plain)).entries()) {
    const exact = await wanted!.to('float64')
    apart.push(Number(await found[i]!.to('float64').sub(exact).abs().max().div(exact.abs().max().clamp(1)).item()))
  }
  return apart
}

const precision = { float32: 2e-6, float64: 1e-14 }

describe.each([1, 2])('on %i threads', (count) => {
  beforeAll(() => native().setNumThreads(count))

  describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
    test.each([
      [64, 16, 16, false],
      [67, 64, 192, true],
      [1000, 192, 64, false],
      [513, 32, 320, true],
    ])('narrow_linear of %i rows from %i to %i numbers and its gradients (bias: %s)', async (rows, from, to, bias) => {
      const shapes = [[rows, from], [to, from], ...(bias ? [[to]] : [])]
      const apart = await errors(
        dtype,
        shapes,
        (...all) => own('narrow_linear', ...all),
        (x, w, b) => (b ? x!.matmul(w!.t()).add(b!) : x!.matmul(w!.t())),
      )
      expect(Math.max(...apart)).toBeLessThan(precision[dtype])
    })

    test.each([
      { rows: 1, heads: 1, kvHeads: 1, tokens: 1, keys: 1, width: 16 },
      { rows: 3, heads: 4, kvHeads: 2, tokens: 40, keys: 40, width: 16 },
      { rows: 2, heads: 3, kvHeads: 3, tokens: 65, keys: 65, width: 64 },
      { rows: 2, heads: 4, kvHeads: 1, tokens: 7, keys: 90, width: 32 }, // what continues a prompt
    ])('causal attention and its gradients: %o', async ({ rows, heads, kvHeads, tokens, keys, width }) => {
      const each = heads / kvHeads
      const plain: Of = (q, k, v) => {
        const scores = q!
          .matmul(k!.repeat_interleave(each, 1).transpose(-2, -1))
          .mul(1 / Math.sqrt(width))
          .add(ops.full([tokens, keys], Number.NEGATIVE_INFINITY, { dtype: 'float64' }).triu(keys - tokens + 1))
        return scores.softmax(-1).matmul(v!.repeat_interleave(each, 1))
      }
      const shapes = [
        [rows, heads, tokens, width],
        [rows, kvHeads, keys, width],
        [rows, kvHeads, keys, width],
      ]
      const apart = await errors(dtype, shapes, (...all) => own('causal_attention', ...all), plain)
      expect(Math.max(...apart)).toBeLessThan(precision[dtype])
    })
  })
})

test('causal attention reads heads where they lie in a projection, and large scores do not overflow', async () => {
  const shapes = [
    [2, 5, 4, 16],
    [2, 5, 2, 16],
    [2, 5, 2, 16],
  ]
  const turned = (x: Tensor | Expression) => x.transpose(1, 2)
  const ours: Of = (q, k, v) => own('causal_attention', turned(q!.mul(100)), turned(k!), turned(v!))
  const plain: Of = (q, k, v) =>
    ops.scaled_dot_product_attention(
      turned(q!.mul(100)),
      turned(k!).repeat_interleave(2, 1),
      turned(v!).repeat_interleave(2, 1),
      { is_causal: true },
    )
  expect(Math.max(...(await errors('float32', shapes, ours, plain)))).toBeLessThan(5e-4) // scores of some hundreds, off in their last bit
})
