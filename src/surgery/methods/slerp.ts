import type { Expression } from '../../tensor/expression.ts'
import { ops } from '../../tensor/ops.ts'
import { recordOwn } from '../../tensor/record.ts'
import { defineMethod, overall } from '../method.ts'

// cos θ from which on sin θ is too small to divide by; the arc is a line there.
const straight = 0.9995

/**
 * Spherical interpolation (Shoemake, 1985, "Animating rotation with quaternion curves"): sin((1 − t) θ)/sin θ A + sin(t θ)/sin θ B, with θ the
 * angle between the two parameters as vectors. t = 0 is the base, or else the first model. Parameters of nearly the same or the opposite
 * direction are interpolated on a line.
 */
export const slerp = defineMethod('slerp', {
  parameters: { t: overall(undefined, { min: 0, max: 1 }) },
  base: 'none',
  models: { min: 2, max: 2 },
  measure: ({ models: [a, b] }, { t }) => {
    const cosine = inner(a!, b!).div(inner(a!, a!).mul(inner(b!, b!)).sqrt().clamp_min(1e-300))
    const angle = cosine.clamp(-1, 1).acos()
    const line = cosine.abs().gt(straight)
    const on = (share: number) => ops.where(line, share, angle.mul(share).sin().div(angle.sin())) as Expression
    return [on(1 - t), on(t)]
  },
  combine: ({ models: [a, b] }, _values, [ofA, ofB]) => a!.mul(ofA!).add(b!.mul(ofB!)),
})

function inner(a: Expression, b: Expression): Expression {
  return recordOwn('inner_product', [a, b]) as Expression
}
