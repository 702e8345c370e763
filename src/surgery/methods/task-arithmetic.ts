import { defineMethod, overall, perModel } from '../method.ts'
import { weightedSum } from './weighted-sum.ts'

/** W₀ + λ Σᵢ wᵢ (Wᵢ − W₀): task vectors added up (Ilharco et al., 2023, arXiv 2212.04089). A negative weight takes a task away. */
export const taskArithmetic = defineMethod('task_arithmetic', {
  parameters: { weight: perModel(1), lambda: overall(1) },
  base: 'required',
  combine: ({ base, deltas }, { weight, lambda }) => base.add(weightedSum(deltas, weight), { alpha: lambda }),
})
