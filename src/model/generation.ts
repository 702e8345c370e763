import { z } from 'zod'
import type { GenerationConfig } from '../checkpoint/generation-config.ts'
import type { NativeIntervention, NativeRowOptions } from '../native.ts'
import type { Intervention } from './interventions.ts'

export const GenerateOptions = z.strictObject({
  /** Longest reply, the stop token included. */
  maxNewTokens: z.int().min(1).default(128),
  /** 0 is greedy. */
  temperature: z.number().min(0).default(0),
  /** Sample from the likeliest tokens whose mass reaches this. */
  topP: z.number().gt(0).max(1).default(1),
  /** Sample from so many tokens; 0 is all. */
  topK: z.int().min(0).default(0),
  /** Above 1 discourages tokens of prompt and reply; default what generation_config.json says. */
  repetitionPenalty: z.number().gt(0).optional(),
  /** Of sampling; a reply depends on it alone, not on what else is in the batch. */
  seed: z.int().min(0).default(0),
  /** Replies to each prompt, which is read once for all of them; their seeds count up. For `generateIds`, `generateBatch` and a running batch. */
  numReturnSequences: z.int().min(1).default(1),
  interventions: z
    .custom<readonly Intervention[]>((value) => Array.isArray(value), 'an array of interventions')
    .default([]),
  signal: z.instanceof(AbortSignal).optional(),
})
export type GenerateOptions = z.input<typeof GenerateOptions>

export type FinishReason = 'stop' | 'length' | 'aborted'

export interface Reply {
  /** Without special tokens. */
  text: string
  /** The stop token included. */
  tokenIds: number[]
  promptTokenIds: number[]
  finishReason: FinishReason
  /** Seconds. */
  /** `passes`: of a sweep, in how many turns its rows ran; one where `maxMemory` does not bound it. */
  timings: { visionS: number; prefillS: number; decodeS: number; decodeTokensPerS: number; passes?: number }
}

/** The same options for each reply to `prompts` prompts, seeds counting up. */
export function rowOptions(
  options: z.output<typeof GenerateOptions>,
  generation: GenerationConfig,
  prompts: number,
): NativeRowOptions[] {
  const { maxNewTokens, temperature, topP, topK, seed, repetitionPenalty = generation.repetitionPenalty } = options
  return Array.from({ length: prompts * options.numReturnSequences }, (_, row) => ({
    maxNewTokens,
    temperature,
    topP,
    topK,
    repetitionPenalty,
    stopIds: generation.eosTokenIds,
    seed: seed + row,
  }))
}

/** Interventions on prompts as interventions on the replies to them, `times` to each. */
export function onEveryReply(interventions: readonly NativeIntervention[], times: number): NativeIntervention[] {
  return interventions.map((intervention) => {
    if (!('rows' in intervention)) return intervention
    const rows = intervention.rows.flatMap((entry) =>
      Array.from({ length: times }, (_, reply) => ({ ...entry, row: entry.row * times + reply })),
    )
    return { ...intervention, rows }
  })
}
