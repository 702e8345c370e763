import { z } from 'zod'
import { check } from '../../check.ts'
import type { DataRecord } from '../../data/record.ts'
import { error } from '../../errors.ts'
import { accuracy } from './accuracy.ts'
import { format } from './format.ts'
import type { Completion, Reward } from './reward.ts'

const Parts = z
  .record(
    z.string(),
    z.strictObject({
      weight: z.number(),
      reward: z.custom<Reward>((value) => typeof value === 'function', 'a function'),
    }),
  )
  .refine((parts) => Object.keys(parts).length > 0, 'at least one reward')

/** Rewards by name, each with its weight. */
export type WeightedParts = Record<string, { weight: number; reward: Reward }>

/** The sum, and each reward before it was weighted. */
export interface WeightedReward {
  total: number
  parts: Record<string, number>
}

/** A reward of several, which can also say what each of them gave. */
export interface Weighted extends Reward {
  /** Rejects with `ERR_TRAINING` where a reward is not finite. */
  detailed(sample: DataRecord, completion: Completion): Promise<WeightedReward>
}

/** Σ weight · reward. */
export function weighted(parts: WeightedParts): Weighted {
  const entries = Object.entries(check(Parts, parts))
  const detailed = async (sample: DataRecord, completion: Completion): Promise<WeightedReward> => {
    const values = await Promise.all(entries.map(([, { reward }]) => reward(sample, completion)))
    const named = Object.fromEntries(entries.map(([name], i) => [name, values[i]!]))
    const wrong = Object.entries(named).find(([, value]) => !Number.isFinite(value))
    if (wrong) throw error('ERR_TRAINING', `The reward ${wrong[0]} of sample '${sample.id}' is ${wrong[1]}`)
    return { total: entries.reduce((sum, [, { weight }], i) => sum + weight * values[i]!, 0), parts: named }
  }
  const reward = async (sample: DataRecord, completion: Completion) => (await detailed(sample, completion)).total
  return Object.assign(reward, { detailed })
}

/** `0.9 · accuracy + 0.1 · format`, the reward of the reference recipe. */
export function standardReward(): Weighted {
  return weighted({
    accuracy: { weight: 0.9, reward: accuracy() },
    format: { weight: 0.1, reward: format() },
  })
}
