import type { PolicyLossName } from './losses/index.ts'

export const presetNames = ['openmmreasoner-gspo', 'openmmreasoner-grpo', 'openmmreasoner-dapo'] as const
export type PresetName = (typeof presetNames)[number]

// OpenMMReasoner (arXiv 2511.16334), the recipe behind the checkpoints of arXiv 2602.12395.
const recipe = {
  group: 16,
  batch: 128,
  temperature: 1,
  topP: 1,
  beta: 0,
  lr: 1e-6,
  lrSchedulerType: 'constant',
  warmupSteps: 25,
  weightDecay: 0.1,
  maxGradNorm: 1,
} as const

/** Published recipes; what is given beside a preset goes before it. */
export const presets = {
  'openmmreasoner-gspo': { ...recipe, loss: 'gspo', epsilon: 3e-4, epsilonHigh: 4e-4 },
  // Ratios of tokens, and the mean over all tokens of the batch, which is the loss called dapo here.
  'openmmreasoner-grpo': { ...recipe, loss: 'dapo', epsilon: 0.2, epsilonHigh: 0.2 },
  'openmmreasoner-dapo': {
    ...recipe,
    loss: 'dapo',
    epsilon: 0.2,
    epsilonHigh: 0.28,
    dynamicSampling: true,
    overlongCache: 0.2,
  },
} as const

/** Clip bounds and scaling that each loss was published with. */
export const lossDefaults: Record<PolicyLossName, { epsilon: number; epsilonHigh: number; scaleRewards: boolean }> = {
  grpo: { epsilon: 0.2, epsilonHigh: 0.2, scaleRewards: true },
  gspo: { epsilon: 3e-4, epsilonHigh: 4e-4, scaleRewards: true },
  dapo: { epsilon: 0.2, epsilonHigh: 0.28, scaleRewards: true },
  dr_grpo: { epsilon: 0.2, epsilonHigh: 0.2, scaleRewards: false },
}
