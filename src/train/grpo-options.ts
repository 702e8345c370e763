import { z } from 'zod'
import { check } from '../check.ts'
import { type PolicyLossName, policyLosses } from './losses/index.ts'
import { CommonOptions, scheduleOptions } from './options.ts'
import { lossDefaults, presetNames, presets } from './presets.ts'
import type { Reward } from './rewards/index.ts'

const lossNames = Object.keys(policyLosses) as [PolicyLossName, ...PolicyLossName[]]
const { lr, batch, weightDecay, lrSchedulerType } = scheduleOptions

const given = {
  loss: z.enum(lossNames),
  lr,
  /** Prompts a step; completions are `batch` × `group`. */
  batch,
  weightDecay,
  lrSchedulerType,
  maxGradNorm: z.number().gt(0),
  /** Completions of a prompt. */
  group: z.int().min(2),
  maxNewTokens: z.int().min(1),
  temperature: z.number().gt(0),
  topP: z.number().gt(0).max(1),
  /** 0 is all. */
  topK: z.int().min(0),
  /** Clip bounds of the ratio, below and above 1. */
  epsilon: z.number().gt(0),
  epsilonHigh: z.number().gt(0),
  /** Weight of the divergence from the model that training began with; 0 loads no reference. */
  beta: z.number().min(0),
  /** Its estimator. */
  kl: z.enum(['k1', 'k2', 'k3']),
  /** Divide advantages by the deviation of their group. */
  scaleRewards: z.boolean(),
  /** Replace prompts whose completions all have the same reward, at most so many times a step (arXiv 2503.14476). */
  dynamicSampling: z.boolean(),
  maxResamples: z.int().min(1),
  /** Share of the longest completion in which a penalty grows to 1 (soft overlong punishment, arXiv 2503.14476); 0 is none. */
  overlongCache: z.number().min(0).max(1),
  /** Times that the completions of a step are learned from. */
  numIterations: z.int().min(1),
  /** Optimizer steps into which one pass over a step's prompts is divided. */
  updatesPerIteration: z.int().min(1),
}

const GrpoOptions = CommonOptions.extend({
  ...z.object(given).partial().shape,
  /** A published recipe; what is given beside it goes before it. */
  preset: z.enum(presetNames).optional(),
  /** Default `0.9 · accuracy + 0.1 · format`. */
  reward: z
    .custom<Reward>((value) => typeof value === 'function', 'a function (sample, completion) => number')
    .optional(),
})
export type GrpoOptions = z.input<typeof GrpoOptions>

const defaults = {
  loss: 'gspo',
  lr: 1e-6,
  batch: 8,
  weightDecay: 0.1,
  lrSchedulerType: 'constant',
  maxGradNorm: 1,
  group: 16,
  maxNewTokens: 256,
  temperature: 1,
  topP: 1,
  topK: 0,
  beta: 0,
  kl: 'k3',
  dynamicSampling: false,
  maxResamples: 3,
  overlongCache: 0,
  numIterations: 1,
  updatesPerIteration: 1,
} as const

const Filled = CommonOptions.extend({ ...given, reward: GrpoOptions.shape.reward })
export type CheckedGrpoOptions = z.output<typeof Filled>

/** The options with the preset, what the loss was published with, and defaults filled in, in that order. */
export function checkGrpoOptions(options: GrpoOptions): CheckedGrpoOptions {
  const { preset, ...own } = Object.fromEntries(
    Object.entries(check(GrpoOptions, options)).filter(([name, value]) => value !== undefined && name in options),
  ) as GrpoOptions
  const chosen = preset ? presets[preset] : {}
  const loss = own.loss ?? (chosen as { loss?: PolicyLossName }).loss ?? defaults.loss
  return check(Filled, { ...defaults, ...lossDefaults[loss], ...chosen, ...own })
}
