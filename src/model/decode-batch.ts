import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import {
  abortable,
  type BatchHandle,
  type Emitted,
  type NativeInputs,
  type NativeIntervention,
  type NativeRowOptions,
  native,
} from '../native.ts'
import { GenerateOptions, type Reply } from './generation.ts'
import type { Inputs } from './inputs.ts'
import type { Message } from './processor/messages.ts'

const BatchOptions = z.strictObject({
  /** Rows that decode together; those beyond it wait for a place. */
  maxRows: z.int().min(1).default(64),
})
export type BatchOptions = z.input<typeof BatchOptions>

const RowOptions = GenerateOptions.extend({
  /** Called with every new token. */
  onToken: z.custom<(token: number) => void>((value) => typeof value === 'function', 'a function').optional(),
})
export type RowOptions = z.input<typeof RowOptions>

/** Steps of a batch serve many rows, so a reply of one has no timings of its own. */
export type BatchReply = Omit<Reply, 'timings'>

/** A prompt of one row as the engine takes it. */
export interface PreparedPrompt {
  promptTokenIds: number[]
  inputs: NativeInputs
  rows: readonly NativeRowOptions[]
  interventions: readonly NativeIntervention[]
  /** Drops the pixels, if they were made for this prompt. */
  release(): void
}

/** What a batch needs of its model. */
export interface BatchModel {
  prepare(prompt: readonly Message[] | Inputs, options: z.output<typeof GenerateOptions>): Promise<PreparedPrompt>
  decode(tokenIds: readonly number[]): string
}

interface Row {
  prompt: PreparedPrompt
  options: z.output<typeof RowOptions>
  tokenIds: number[]
  resolve(reply: BatchReply): void
  reject(reason: unknown): void
}

/**
 * A running batch: rows join with their prompts between two decoding steps, every step gives each of them one token, and a row leaves when
 * it finishes or its signal aborts. What a row replies does not depend on who else is in the batch (up to near-ties of rounding).
 */
export class DecodeBatch implements AsyncDisposable {
  readonly #handle: BatchHandle
  readonly #model: BatchModel
  readonly #maxRows: number
  readonly #waiting: Row[] = []
  readonly #running = new Map<number, Row>()
  readonly #leaving = new Set<number>()
  #loop: Promise<void> | undefined
  #disposed = false

  /** Made by `model.batch()`. */
  constructor(handle: BatchHandle, model: BatchModel, options: BatchOptions = {}) {
    this.#handle = handle
    this.#model = model
    this.#maxRows = check(BatchOptions, options).maxRows
  }

  /** Rows that are decoding now. */
  get running(): number {
    return this.#running.size
  }

  /** Rows that wait for a place. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Joins at the next step. Rejects with `ERR_ABORTED` when its signal aborts, `ERR_DISPOSED` when the batch goes. */
  async add(prompt: readonly Message[] | Inputs, options: RowOptions = {}): Promise<BatchReply> {
    const { onToken, ...checked } = check(RowOptions, options)
    if (this.#disposed) throw disposed()
    const prepared = await this.#model.prepare(prompt, checked)
    return new Promise((resolve, reject) => {
      if (this.#disposed) return reject(disposed())
      this.#waiting.push({ prompt: prepared, options: { ...checked, onToken }, tokenIds: [], resolve, reject })
      this.#loop ??= this.#run()
    })
  }

  /** Ends the rows that are left with `ERR_DISPOSED` and frees their caches. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.#loop
    await native().disposeBatch(this.#handle)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #run(): Promise<void> {
    while (!this.#disposed && this.#waiting.length + this.#running.size > 0) {
      while (!this.#disposed && this.#waiting.length > 0 && this.#running.size < this.#maxRows) await this.#join()
      if (this.#running.size > 0) await this.#step()
    }
    this.#loop = undefined
    for (const row of this.#waiting.splice(0)) {
      row.prompt.release()
      row.reject(disposed())
    }
    for (const row of this.#running.values()) row.reject(disposed())
    this.#running.clear()
  }

  // One at a time: the prompt of one row must not keep another's first token waiting for long.
  async #join(): Promise<void> {
    const row = this.#waiting.shift()!
    const { signal } = row.options
    try {
      const { inputs, rows, interventions } = row.prompt
      const emitted = await abortable(signal, (cancellation) =>
        native().batchJoin(this.#handle, inputs, rows, { interventions }, cancellation),
      )
      const id = emitted[0]!.row
      this.#running.set(id, row)
      signal?.addEventListener('abort', () => this.#leave(id), { once: true })
      this.#take(emitted)
      if (signal?.aborted) this.#leave(id)
    } catch (thrown) {
      row.reject(thrown)
    } finally {
      row.prompt.release()
    }
  }

  async #step(): Promise<void> {
    const leaving = [...this.#leaving]
    this.#leaving.clear()
    try {
      this.#take(await native().batchStep(this.#handle, leaving))
    } catch (thrown) {
      // A step that fails leaves no cache that can be trusted.
      for (const row of this.#running.values()) row.reject(thrown)
      this.#running.clear()
    }
  }

  #take(emitted: readonly Emitted[]): void {
    for (const { row: id, token, finishReason } of emitted) {
      const row = this.#running.get(id)
      if (!row) continue // it left while the step ran
      row.tokenIds.push(token)
      row.options.onToken?.(token)
      if (!finishReason) continue
      this.#running.delete(id)
      row.resolve(this.#reply(row, finishReason))
    }
  }

  #leave(id: number): void {
    const row = this.#running.get(id)
    if (!row) return
    this.#running.delete(id)
    this.#leaving.add(id)
    const aborted = error('ERR_ABORTED', `The generation was aborted after ${row.tokenIds.length} tokens`, {
      cause: row.options.signal?.reason,
    })
    row.reject(Object.assign(aborted, { reply: this.#reply(row, 'aborted') }))
  }

  #reply({ tokenIds, prompt }: Row, finishReason: Reply['finishReason']): BatchReply {
    return { text: this.#model.decode(tokenIds), tokenIds, promptTokenIds: prompt.promptTokenIds, finishReason }
  }
}

function disposed(): Error {
  return error('ERR_DISPOSED', 'The batch was disposed')
}
