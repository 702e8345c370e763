// The linear kernel for few rows against at::linear over weights that no cache holds, in bfloat16; two shapes of the 3B decoder.
//   node scripts/bench.mjs linear
// Goals: one row near the bandwidth of reading, 37 and 64 rows near the peak of a large matrix product.
import { all } from '../src/tensor/evaluate.ts'
import type { Expression } from '../src/tensor/expression.ts'
import { ops } from '../src/tensor/ops.ts'
import { record } from '../src/tensor/record.ts'
import type { Tensor } from '../src/tensor/tensor.ts'

async function seconds(work: () => Expression[]): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < 5; run++) {
    const begun = performance.now()
    const results = await all(Object.fromEntries(work().map((result, i) => [String(i), result])))
    best = Math.min(best, (performance.now() - begun) / 1000)
    for (const result of Object.values(results)) (result as Tensor).dispose()
  }
  return best
}

using buffer = await ops.ones([150_000_000])
const bandwidth = 0.6 / (await seconds(() => [buffer.sum()]))
using square = await ops.randn([2048, 2048], { seed: 1 }).to('bfloat16')
const peak = (2 * 2048 ** 3) / 1e9 / (await seconds(() => [square.matmul(square)]))
console.log(`reading ${bandwidth.toFixed(1)} GB/s, a large product ${peak.toFixed(0)} GFLOP/s`)

for (const [outputs, depth] of [
  [11008, 2048],
  [2048, 11008],
] as const) {
  const weights: Tensor[] = []
  for (let i = 0; i < 8; i++) weights.push(await ops.randn([outputs, depth], { seed: i }).to('bfloat16'))
  for (const rows of [1, 4, 16, 37, 64]) {
    using x = await ops.randn([rows, depth], { seed: 9 }).to('bfloat16')
    const ours =
      (await seconds(() => weights.map((w) => record('small_batch_linear', 'own', [x, w, null]) as Expression))) / 8
    const aten = (await seconds(() => weights.map((w) => ops.linear(x, w)))) / 8
    const [bytes, flops] = [outputs * depth * 2, 2 * rows * outputs * depth]
    console.log(
      `${outputs} × ${depth}, ${String(rows).padStart(2)} rows: ${(bytes / ours / 1e9).toFixed(1)} GB/s, ${(flops / ours / 1e9).toFixed(0)} GFLOP/s; ` +
        `${(aten / ours).toFixed(2)} × as fast as at::linear`,
    )
  }
  for (const w of weights) w.dispose()
}
