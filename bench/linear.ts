// The linear kernel for few rows against at::linear over weights that no cache holds, in bfloat16; two shapes of the 3B decoder.
//   node scripts/bench.mjs linear
// Goals: one row near the bandwidth of reading, 37 and 64 rows near the peak of a large matrix product.
import type { Expression } from '../src/tensor/expression.ts'
import { ops } from '../src/tensor/ops.ts'
import { record } from '../src/tensor/record.ts'
import type { Tensor } from '../src/tensor/tensor.ts'
import { limits, seconds } from './machine/limits.ts'

const { bytesPerS, flopsPerS } = await limits()
console.log(`reading ${(bytesPerS / 1e9).toFixed(1)} GB/s, a large product ${(flopsPerS / 1e9).toFixed(0)} GFLOP/s`)

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
      `${outputs} × ${depth}, ${String(rows).padStart(2)} rows: ${(bytes / ours / 1e9).toFixed(1)} GB/s (${percent(bytes / ours, bytesPerS)}), ` +
        `${(flops / ours / 1e9).toFixed(0)} GFLOP/s (${percent(flops / ours, flopsPerS)}); ` +
        `${(aten / ours).toFixed(2)} × as fast as at::linear`,
    )
  }
  for (const w of weights) w.dispose()
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(0)} %`
}
