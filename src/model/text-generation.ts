// Replies: what is asked of the engine when a model generates, and what is made of the tokens it gives.

import type { z } from 'zod'
import { check, expected } from '../check.ts'
import type { GenerationConfig } from '../checkpoint/generation-config.ts'
import { error, FrankentorchError } from '../errors.ts'
import { abortable, type ModelHandle, type NativeReplies, native } from '../native.ts'
import { type BatchOptions, DecodeBatch, type PreparedPrompt } from './decode-batch.ts'
import { GenerateOptions, onEveryReply, type Reply, rowOptions } from './generation.ts'
import type { Hooks } from './hooks.ts'
import { disposeInputs, type Inputs, nativeInputs } from './inputs.ts'
import type { Intervention } from './interventions.ts'
import type { Processor } from './processor/processor.ts'
import { isInputs, type Prompt, withInputs } from './prompt.ts'
import type { InterventionContext } from './resolve-interventions.ts'
import type { Prefilled } from './swap.ts'
import { readSources } from './swap-sources.ts'
import { planSweep, SweepOptions } from './sweep.ts'
import { TokenQueue } from './token-queue.ts'

export interface GenerationContext {
  /** Throws `ERR_DISPOSED`. */
  handle(): ModelHandle
  interventions: InterventionContext
  generationConfig: GenerationConfig
  processor: Processor
  hooks: Hooks
  prefill(inputs: Inputs, signal: AbortSignal | undefined): Promise<Prefilled>
}

type Checked = z.output<typeof GenerateOptions>

/** The generating methods of a model, which say what each does. */
export class TextGeneration {
  readonly #context: GenerationContext

  constructor(context: GenerationContext) {
    this.#context = context
  }

  async generate(prompt: Prompt, options: GenerateOptions = {}): Promise<Reply> {
    const checked = check(GenerateOptions, options)
    return this.#withInputs(prompt, checked.signal, (inputs) => this.#reply(inputs, checked))
  }

  async *stream(prompt: Prompt, options: GenerateOptions = {}): AsyncGenerator<string, Reply, void> {
    const checked = check(GenerateOptions, options)
    const stop = new AbortController()
    const signal = checked.signal ? AbortSignal.any([checked.signal, stop.signal]) : stop.signal
    const decoder = this.#context.processor.tokenizer.streamDecoder({ skipSpecialTokens: true })
    const queue = new TokenQueue()
    const reply = this.#withInputs(prompt, signal, (inputs) =>
      this.#reply(inputs, { ...checked, signal }, (_, token) => queue.push(token)),
    )
    reply.then(
      () => queue.end(),
      () => queue.end(),
    )
    try {
      for await (const token of queue) {
        const piece = decoder.push(token)
        if (piece) yield piece
      }
      const rest = decoder.flush()
      if (rest) yield rest
      return await reply
    } finally {
      stop.abort()
      await reply.catch(() => undefined)
    }
  }

  async generateIds(inputs: Inputs, options: GenerateOptions = {}): Promise<number[][]> {
    const checked = check(GenerateOptions, options)
    const { rows } = await this.#generate(inputs, checked)
    const tokenIds = rows.map(({ tokenIds }) => tokenIds)
    if (rows.every(({ finishReason }) => finishReason !== 'aborted')) return tokenIds
    throw Object.assign(aborted(tokenIds.flat().length, checked.signal), { tokenIds })
  }

  async generateBatch(inputs: Inputs, options: GenerateOptions = {}): Promise<Reply[]> {
    const checked = check(GenerateOptions, options)
    const replies = this.#replies(inputs, await this.#generate(inputs, checked))
    if (replies.every(({ finishReason }) => finishReason !== 'aborted')) return replies
    throw Object.assign(aborted(replies.flatMap(({ tokenIds }) => tokenIds).length, checked.signal), { replies })
  }

  batch(options: BatchOptions = {}): DecodeBatch {
    const handle = native().createBatch(this.#context.handle())
    return new DecodeBatch(
      handle,
      {
        prepare: (prompt, generateOptions) => this.#prepare(prompt, generateOptions),
        decode: (tokenIds) => this.#text(tokenIds),
      },
      options,
    )
  }

  async sweep(
    prompt: Prompt,
    configurations: readonly (readonly Intervention[])[],
    options: SweepOptions = {},
  ): Promise<Reply[]> {
    const { maxMemory = 0, ...checked } = check(SweepOptions, options)
    const generation = { ...check(GenerateOptions, checked), signal: checked.signal }
    return this.#withInputs(prompt, checked.signal, async (inputs) => {
      if (inputs.inputIds?.length !== 1) throw expected('one row', 'inputs', inputs.inputIds)
      const handle = this.#context.handle()
      const native_ = nativeInputs(this.#context.interventions.config, inputs)
      const [row] = rowOptions(generation, this.#context.generationConfig, 1)
      const context = { ...this.#context.interventions, newTokens: checked.maxNewTokens }
      using read = await readSources(configurations, (source) => this.#context.prefill(source, checked.signal))
      // What is attached to the model acts on the prompt itself, which rows then cannot share.
      const shared = this.#context.hooks.list().length === 0
      const plan = planSweep(shared ? read.configurations : [], inputs, row!, context, maxMemory)
      const { sweep, configurations: swept } = plan
      const alone = shared ? plan.alone : configurations.map((_, place) => place)
      const replies: Reply[] = []
      const keep = (places: readonly number[], found: NativeReplies) => {
        for (const [i, reply] of this.#replies(inputs, found).entries()) replies[places[i]!] = reply
      }
      if (swept.length > 0)
        keep(
          swept,
          await abortable(checked.signal, (cancellation) => native().sweep(handle, native_, sweep, cancellation)),
        )
      for (const place of alone)
        keep([place], await this.#generate(inputs, { ...generation, interventions: [...read.configurations[place]!] }))
      if (replies.some(({ finishReason }) => finishReason === 'aborted')) throw aborted(0, checked.signal)
      return replies
    })
  }

  async #withInputs<T>(
    prompt: Prompt,
    signal: AbortSignal | undefined,
    use: (inputs: Inputs) => Promise<T>,
  ): Promise<T> {
    this.#context.handle()
    return withInputs(this.#context.processor, prompt, signal, use)
  }

  async #reply(inputs: Inputs, options: Checked, onToken?: (row: number, token: number) => void): Promise<Reply> {
    if (inputs.inputIds?.length !== 1) throw expected('one row (see generateIds)', 'inputs', inputs.inputIds)
    if (options.numReturnSequences !== 1)
      throw expected('1 (see generateBatch)', 'options.numReturnSequences', options.numReturnSequences)
    const [reply] = this.#replies(inputs, await this.#generate(inputs, options, onToken))
    if (reply!.finishReason !== 'aborted') return reply!
    throw Object.assign(aborted(reply!.tokenIds.length, options.signal), { reply })
  }

  #replies({ inputIds }: Inputs, { rows, timings }: NativeReplies): Reply[] {
    return rows.map(({ tokenIds, finishReason }, row) => {
      const decoded = tokenIds.length - 1
      const decodeTokensPerS = decoded > 0 ? decoded / timings.decodeS : 0
      const promptTokenIds = inputIds[Math.floor((row * inputIds.length) / rows.length)]!
      return {
        text: this.#text(tokenIds),
        tokenIds,
        promptTokenIds,
        finishReason,
        timings: { ...timings, decodeTokensPerS },
      }
    })
  }

  #text(tokenIds: readonly number[]): string {
    return this.#context.processor.tokenizer.decode(tokenIds, { skipSpecialTokens: true })
  }

  async #prepare(prompt: Prompt, options: Checked): Promise<PreparedPrompt> {
    this.#context.handle()
    const made = isInputs(prompt)
      ? undefined
      : await this.#context.processor.prepare(prompt, { signal: options.signal })
    const inputs = made ?? (prompt as Inputs)
    const release = () => (made ? disposeInputs(made) : undefined)
    try {
      if (inputs.inputIds?.length !== 1) throw expected('one row', 'inputs', inputs.inputIds)
      return { promptTokenIds: inputs.inputIds[0]!, ...this.#engineArguments(inputs, options), release }
    } catch (thrown) {
      release()
      throw thrown
    }
  }

  #engineArguments(inputs: Inputs, options: Checked) {
    const checked = nativeInputs(this.#context.interventions.config, inputs)
    const rows = rowOptions(options, this.#context.generationConfig, inputs.inputIds.length)
    const interventions = this.#context.hooks.actingOn(inputs, options.interventions, options.maxNewTokens)
    return { inputs: checked, rows, interventions: onEveryReply(interventions, options.numReturnSequences) }
  }

  async #generate(
    inputs: Inputs,
    options: Checked,
    onToken?: (row: number, token: number) => void,
  ): Promise<NativeReplies> {
    const handle = this.#context.handle()
    const { inputs: checked, rows, interventions } = this.#engineArguments(inputs, options)
    try {
      return await abortable(options.signal, (cancellation) =>
        native().generate(handle, checked, rows, { interventions }, cancellation, onToken),
      )
    } catch (thrown) {
      // The engine hands over the tokens of a generation that was aborted; one that never began has none.
      if (!isAborted(thrown)) throw thrown
      const none = { tokenIds: [], finishReason: 'aborted' as const }
      return { rows: rows.map(() => none), timings: { visionS: 0, prefillS: 0, decodeS: 0 } }
    }
  }
}

function isAborted(thrown: unknown): boolean {
  return thrown instanceof FrankentorchError && thrown.code === 'ERR_ABORTED'
}

function aborted(tokens: number, signal: AbortSignal | undefined): Error {
  return error('ERR_ABORTED', `The generation was aborted after ${tokens} tokens`, { cause: signal?.reason })
}
