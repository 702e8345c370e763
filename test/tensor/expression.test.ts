import { expect, test } from 'vitest'
import { all } from '../../src/tensor/evaluate.ts'
import { tensor } from '../../src/tensor/tensor.ts'

test('awaiting an expression computes what was recorded', async () => {
  const x = tensor(Float32Array.of(1, 2, 3, 4), [2, 2])
  const y = await x.mul(0.5).add(x).matmul(x)
  expect(await y.tolist()).toEqual([
    [10.5, 15],
    [22.5, 33],
  ])
  const { total, largest } = await all({ total: y.sum(), largest: y.max(1) })
  expect(await total.item()).toBe(81)
  expect(await largest.indices.tolist()).toEqual([1n, 1n])
})
