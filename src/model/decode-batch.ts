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
  /** Called with every new token and, of `numReturnSequences`, which reply it belongs to. */
  onToken: z
    .custom<(token: number, reply: number) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
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

interface Joining {
  prompt: PreparedPrompt
  options: z.output<typeof RowOptions>
  /** One for each reply. */
  rows: Row[]
  /** Fulfilled when each of them has its reply, or a reason why not. */
  settled: Promise<unknown>
}

interface Row {
  promptTokenIds: number[]
  options: z.output<typeof RowOptions>
  reply: number
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
  readonly #waiting: Joining[] = []
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
    return this.#waiting.reduce((sum, { rows }) => sum + rows.length, 0)
  }

  /**
   * Joins at the next step. With `numReturnSequences` it gives as many replies, which join together. Rejects with `ERR_ABORTED` when its signal
   * aborts, `ERR_DISPOSED` when the batch goes.
   */
  add(prompt: readonly Message[] | Inputs, options: RowOptions & { numReturnSequences: number }): Promise<BatchReply[]>
  add(prompt: readonly Message[] | Inputs, options?: RowOptions): Promise<BatchReply>
  async add(prompt: readonly Message[] | Inputs, options: RowOptions = {}): Promise<BatchReply | BatchReply[]> {
    const checked = check(RowOptions, options)
    const { onToken: _, ...generateOptions } = checked
    if (this.#disposed) throw disposed()
    const prepared = await this.#model.prepare(prompt, generateOptions)
    if (this.#disposed) {
      prepared.release()
      throw disposed()
    }
    const rows: Row[] = []
    const replies = prepared.rows.map(
      (_, reply) =>
        new Promise<BatchReply>((resolve, reject) => {
          const { promptTokenIds } = prepared
          rows.push({ promptTokenIds, options: checked, reply, tokenIds: [], resolve, reject })
        }),
    )
    this.#waiting.push({ prompt: prepared, options: checked, rows, settled: Promise.allSettled(replies) })
    this.#loop ??= this.#run()
    return options.numReturnSequences === undefined ? replies[0]! : Promise.all(replies)
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
      while (!this.#disposed && this.#waiting.length > 0 && this.#hasPlaceFor(this.#waiting[0]!)) await this.#join()
      if (this.#running.size > 0) await this.#step()
    }
    this.#loop = undefined
    for (const { prompt, rows } of this.#waiting.splice(0)) {
      prompt.release()
      for (const row of rows) row.reject(disposed())
    }
    for (const row of this.#running.values()) row.reject(disposed())
    this.#running.clear()
  }

  // More replies to one prompt than there are places join when nobody else is there.
  #hasPlaceFor({ rows }: Joining): boolean {
    return this.#running.size === 0 || this.#running.size + rows.length <= this.#maxRows
  }

  // One at a time: the prompt of one row must not keep another's first token waiting for long.
  async #join(): Promise<void> {
    const { prompt, options, rows, settled } = this.#waiting.shift()!
    const { signal } = options
    try {
      const emitted = await abortable(signal, (cancellation) =>
        native().batchJoin(
          this.#handle,
          prompt.inputs,
          prompt.rows,
          { interventions: prompt.interventions },
          cancellation,
        ),
      )
      const ids = emitted.map(({ row }) => row)
      for (const [reply, row] of rows.entries()) this.#running.set(ids[reply]!, row)
      const leave = () => {
        for (const id of ids) this.#leave(id)
      }
      signal?.addEventListener('abort', leave, { once: true })
      settled.then(() => signal?.removeEventListener('abort', leave))
      this.#take(emitted)
      if (signal?.aborted) leave()
    } catch (thrown) {
      for (const row of rows) row.reject(thrown)
    } finally {
      prompt.release()
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
      row.options.onToken?.(token, row.reply)
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

  #reply({ tokenIds, promptTokenIds }: Row, finishReason: Reply['finishReason']): BatchReply {
    return { text: this.#model.decode(tokenIds), tokenIds, promptTokenIds, finishReason }
  }
}

function disposed(): Error {
  return error('ERR_DISPOSED', 'The batch was disposed')
}
