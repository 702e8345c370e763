import type { DataRecord } from '../data/record.ts'
import { disposeInputs } from '../model/inputs.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { TrainingRow } from './batch.ts'
import { conversationRow } from './conversation.ts'
import { DecodedImages } from './decoded-images.ts'

/** Rows to learn, whose pixels go with them. */
export interface PreparedRows extends Disposable {
  rows: TrainingRow[]
}
export type Prepare = (records: readonly DataRecord[]) => Promise<PreparedRows>

/** Makes rows of conversations; images that come again are not decoded again. */
export function preparation(model: VisionLanguageModel, signal: AbortSignal | undefined): Prepare {
  const images = new DecodedImages()
  return async (records) => {
    const made = await Promise.allSettled(
      records.map(async ({ messages }) =>
        conversationRow(model, await images.in(model, messages, { signal }), { signal }),
      ),
    )
    const rows = made.flatMap((row) => (row.status === 'fulfilled' ? [row.value] : []))
    const dispose = () => {
      for (const { inputs } of rows) disposeInputs(inputs)
    }
    const failed = made.find((row) => row.status === 'rejected')
    if (!failed) return { rows, [Symbol.dispose]: dispose }
    dispose()
    throw failed.reason
  }
}

/** The rows of one step after another, those of the next being made while the engine works on the last that were asked for. */
export class RowsAhead implements AsyncDisposable {
  readonly #make: (step: number) => Promise<PreparedRows> | undefined
  #next: { step: number; rows: Promise<PreparedRows> | undefined } | undefined

  /** `make` gives nothing for a step behind the last. */
  constructor(make: (step: number) => Promise<PreparedRows> | undefined) {
    this.#make = make
  }

  /** The rows of `step`, which must be one that `make` has. Rejects as `make` did. */
  async of(step: number): Promise<PreparedRows> {
    if (this.#next?.step !== step) {
      await this[Symbol.asyncDispose]()
      this.#next = { step, rows: this.#make(step) }
    }
    const rows = await this.#next!.rows!
    this.#next = { step: step + 1, rows: this.#make(step + 1) }
    // A failure belongs to the step that asks for these rows.
    this.#next.rows?.catch(() => {})
    return rows
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const next = this.#next
    this.#next = undefined
    const rows = await next?.rows?.catch(() => undefined)
    rows?.[Symbol.dispose]()
  }
}
