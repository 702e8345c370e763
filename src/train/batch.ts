import { z } from 'zod'
import { check, expected } from '../check.ts'
import type { ModelConfig } from '../checkpoint/config.ts'
import { type Inputs, nativeInputs } from '../model/inputs.ts'
import type { NativeSequences } from '../native.ts'
import { Tensor } from '../tensor/tensor.ts'

/** A row with its images, and either replies that each go on from its end (and are what is learned) or the places of its tokens that are. */
export interface TrainingRow {
  /** Of one row. */
  inputs: Inputs
  /** Token ids of each reply; the row is computed once for all of them. */
  completions?: readonly (readonly number[])[]
  /** Indices from 1 on, ascending, of the tokens to learn where there are no completions. */
  targets?: readonly number[]
}

export interface TrainingBatch {
  rows: readonly TrainingRow[]
  /** One for each completion, in the order of the rows. */
  advantages?: readonly number[] | Tensor
  /** [completions, tokens], right-padded: log-probabilities under the policy that sampled. */
  old?: Tensor
  /** The same under the reference model. */
  ref?: Tensor
}

const ids = z.array(z.int().min(0)).min(1)
const Batch = z.strictObject({
  rows: z
    .array(
      z
        .strictObject({
          inputs: z.custom<Inputs>(
            (value) => typeof value === 'object' && value !== null && 'inputIds' in value,
            'the inputs of one row',
          ),
          completions: z.array(ids).min(1).optional(),
          targets: z.array(z.int().min(1)).min(1).optional(),
        })
        .refine(
          ({ completions, targets }) => (completions === undefined) !== (targets === undefined),
          'completions or targets',
        ),
    )
    .min(1),
  advantages: z.union([z.instanceof(Tensor), z.array(z.number())]).optional(),
  old: z.instanceof(Tensor).optional(),
  ref: z.instanceof(Tensor).optional(),
})

/** A batch that was checked: its rows all have completions, or none has. */
export type CheckedBatch = z.output<typeof Batch>

export function checkBatch(batch: TrainingBatch): CheckedBatch {
  const checked = check(Batch, batch, 'batch')
  const replied = checked.rows.filter(({ completions }) => completions !== undefined).length
  if (replied !== 0 && replied !== checked.rows.length)
    throw expected('rows that all have completions or all have targets', 'batch.rows', checked.rows)
  checked.rows.forEach(({ inputs }, row) => {
    if (inputs.inputIds?.length !== 1) throw expected('one row', `batch.rows[${row}].inputs.inputIds`, inputs.inputIds)
  })
  return checked
}

/** How many tokens are learned in each sequence: of the completions, or of the rows. */
export function targetCounts({ rows }: CheckedBatch): number[] {
  return rows.flatMap(({ completions, targets }) => completions?.map((reply) => reply.length) ?? [targets!.length])
}

/**
 * The batch in parts that hold their graph one after another: at most `tokens` tokens each, but a row at least. Rows stay in order, for their
 * sequences number the lines of the loss's inputs.
 */
export function partsOf(config: ModelConfig, { rows }: CheckedBatch, tokens: number): NativeSequences[] {
  const parts: TrainingRow[][] = []
  let room = 0
  for (const row of rows) {
    const needed = tokensOf(row)
    if (parts.length === 0 || needed > room) {
      parts.push([])
      room = tokens
    }
    parts.at(-1)!.push(row)
    room -= needed
  }
  return parts.map((part) => ({
    rows: part.map(({ inputs }) => nativeInputs(config, inputs)),
    continuations: part.flatMap(({ completions = [] }, row) => completions.map((ids) => ({ row, ids }))),
    targets: part.flatMap(({ completions, targets }) => completions?.map((ids) => ids.map((_, i) => i)) ?? [targets!]),
  }))
}

function tokensOf({ inputs, completions = [] }: TrainingRow): number {
  return inputs.inputIds[0]!.length + completions.reduce((sum, ids) => sum + ids.length, 0)
}
