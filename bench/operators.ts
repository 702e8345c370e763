// A chain of 1,000 operators: recorded, sent and run. Goal: 1.3 × the same chain in Python torch (bench/operators.py), best of many.
import { native } from '../src/native.ts'
import type { Expression } from '../src/tensor/expression.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'

await native().setNumThreads(1)
for (const size of [4, 64, 256]) {
  using x = tensor(new Float32Array(size * size).fill(1), [size, size])
  using y = tensor(new Float32Array(size * size).fill(0.5), [size, size])
  let [recorded, total] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let repeat = 0; repeat < 100; repeat++) {
    const begun = performance.now()
    const expression = chain(x, y)
    recorded = Math.min(recorded, performance.now() - begun)
    using _result = await expression
    total = Math.min(total, performance.now() - begun)
  }
  console.log(
    `${size} × ${size}: ${total.toFixed(2)} ms for 1,000 operators, ${recorded.toFixed(2)} ms of it to record them`,
  )
}

function chain(x: Tensor, y: Tensor): Expression {
  let value = x.mul(0.5)
  for (let i = 0; i < 333; i++) value = value.add(y).mul(0.5).relu()
  return value
}
