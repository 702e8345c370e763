// The kernels for what stands between the linear layers against ATen's operators one by one, in bfloat16: a prompt of 231 tokens and
// a step of 37 rows of the 3B decoder, and the patches of a picture of 392 × 392 in its vision tower.
//   node scripts/bench.mjs elementwise
import type { Expression } from '../src/tensor/expression.ts'
import { ops } from '../src/tensor/ops.ts'
import { record } from '../src/tensor/record.ts'
import { seconds } from './machine/limits.ts'

const own = (name: string, ...inputs: (Expression | number)[]) => record(name, 'own', inputs) as Expression
const random = (shape: number[], seed: number) => ops.randn(shape, { seed }).to('bfloat16')

async function compare(what: string, ours: () => Expression, plain: () => Expression): Promise<void> {
  const times = 20
  const each = async (work: () => Expression) => (await seconds(() => Array.from({ length: times }, work))) / times
  const [a, b] = [await each(ours), await each(plain)]
  console.log(
    `${what.padEnd(28)} ${(a * 1e6).toFixed(0)} µs, ATen ${(b * 1e6).toFixed(0)} µs: ${(b / a).toFixed(1)} × as fast`,
  )
}

for (const [tokens, hidden, inner, heads, width, wide] of [
  [231, 2048, 11008, 16, 128, 'bfloat16'],
  [37, 2048, 11008, 16, 128, 'bfloat16'],
  [784, 1280, 3420, 16, 80, 'float32'],
] as const) {
  using x = await random([tokens, hidden], 1)
  using weight = await random([hidden], 2)
  await compare(
    `rms_norm ${tokens} × ${hidden}`,
    () => own('rms_norm', x.view([tokens, hidden]), weight.view([hidden]), 1e-6),
    () => {
      const single = x.to('float32')
      return weight.mul(single.mul(single.square().mean([-1], true).add(1e-6).rsqrt()).to('bfloat16'))
    },
  )
  using gate = await random([tokens, inner], 3)
  using up = await random([tokens, inner], 4)
  await compare(
    `swiglu ${tokens} × ${inner}`,
    () => own('swiglu', gate.view([tokens, inner]), up.view([tokens, inner])),
    () => ops.silu(gate).mul(up),
  )
  using head = await random([tokens, heads, width], 5)
  using cos = await ops.randn([tokens, 1, width], { seed: 6 }).cos().to(wide)
  using sin = await ops.randn([tokens, 1, width], { seed: 6 }).sin().to(wide)
  await compare(
    `rotate ${tokens} × ${heads} × ${width}`,
    () => own('rotate', head.view([tokens, heads, width]), cos.view([tokens, 1, width]), sin.view([tokens, 1, width])),
    () => {
      const [single, half] = [head.to(wide), width / 2]
      const turned = ops.cat([single.narrow(-1, half, half).neg(), single.narrow(-1, 0, half)], -1)
      return single.mul(cos).add(turned.mul(sin)).to('bfloat16')
    },
  )
}
