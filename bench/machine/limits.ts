import { readFile } from 'node:fs/promises'
import { all } from '../../src/tensor/evaluate.ts'
import type { Expression } from '../../src/tensor/expression.ts'
import { ops } from '../../src/tensor/ops.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/** Seconds of the fastest of five runs of `work`. */
export async function seconds(work: () => Expression[]): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < 5; run++) {
    const begun = performance.now()
    const results = await all(Object.fromEntries(work().map((result, i) => [String(i), result])))
    best = Math.min(best, (performance.now() - begun) / 1000)
    for (const result of Object.values(results)) (result as Tensor).dispose()
  }
  return best
}

/** What the machine can do at best: bytes a second read by a sum of 600 MB, FLOP a second of a bfloat16 product of 2048³. */
export async function limits(): Promise<{ bytesPerS: number; flopsPerS: number }> {
  using buffer = await ops.ones([150_000_000])
  const bytesPerS = 0.6e9 / (await seconds(() => [buffer.sum()]))
  using square = await ops.randn([2048, 2048], { seed: 1 }).to('bfloat16')
  const flopsPerS = (2 * 2048 ** 3) / (await seconds(() => [square.matmul(square)]))
  return { bytesPerS, flopsPerS }
}

/** Bytes of this process in memory, mapped files that were read included. */
export async function residentBytes(): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))![1]) * 1024
}
