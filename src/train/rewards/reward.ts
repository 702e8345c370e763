import type { DataRecord } from '../../data/record.ts'

/** A reply of the model to a record's prompt. */
export interface Completion {
  text: string
  /** The stop token included. */
  tokenIds: readonly number[]
  finishReason: 'stop' | 'length'
}

/** How good a completion is. What comes back must be finite; it may be awaited. */
export type Reward = (sample: DataRecord, completion: Completion) => number | Promise<number>
