import { dapo } from './dapo.ts'
import { drGrpo } from './dr-grpo.ts'
import { grpo } from './grpo.ts'
import { gspo } from './gspo.ts'

export type { Loss, LossInputs, LossResult } from './loss.ts'
export type { PolicyOptions } from './policy.ts'
export { sft } from './sft.ts'
export { dapo, drGrpo, grpo, gspo }

/** By the name of `--loss`. */
export const policyLosses = { grpo, gspo, dapo, dr_grpo: drGrpo }
export type PolicyLossName = keyof typeof policyLosses
