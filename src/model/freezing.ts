import { z } from 'zod'
import { check } from '../check.ts'
import type { Parameter } from './parameters.ts'
import { Selectors, selectParameters } from './selectors.ts'

const FreezeOptions = z.strictObject({
  /** First layer of `middle` and of `late`; default the thirds. */
  cuts: z.tuple([z.int(), z.int()]).optional(),
})
export type FreezeOptions = z.input<typeof FreezeOptions>

export interface ParameterCount {
  tensors: number
  parameters: number
  bytes: number
}

export interface Trainable {
  trainable: ParameterCount
  frozen: ParameterCount
  /** Each part by a selector that names it: the vision tower, its projector, the embedding, every decoder layer, the final norm, the head. */
  blocks: { name: string; trainable: ParameterCount; frozen: ParameterCount }[]
}

/** Which parameters of a model training may change; at first all. A tied head is frozen with the embedding that it is. */
export class Freezing {
  readonly #parameters: readonly Parameter[]
  readonly #names: readonly string[]
  readonly #numHiddenLayers: number
  readonly #frozen = new Set<string>()

  constructor(parameters: readonly Parameter[], numHiddenLayers: number) {
    this.#parameters = parameters
    this.#names = parameters.map(({ name }) => name)
    this.#numHiddenLayers = numHiddenLayers
  }

  /** Freezes what `selectors` name and returns the names. Throws the errors of `selectParameters`. */
  freeze(selectors: string | readonly string[], options: FreezeOptions = {}): string[] {
    const names = this.#select(selectors, options)
    for (const name of names) this.#frozen.add(name)
    return names
  }

  /** The way back. */
  unfreeze(selectors: string | readonly string[], options: FreezeOptions = {}): string[] {
    const names = this.#select(selectors, options)
    for (const name of names) this.#frozen.delete(name)
    return names
  }

  isFrozen(name: string): boolean {
    return this.#frozen.has(name)
  }

  trainable(): Trainable {
    const blocks = [...new Set(this.#names.map(blockOf))].map((block) => {
      const parameters = this.#parameters.filter(({ name }) => blockOf(name) === block)
      return { name: block, ...this.#counts(parameters) }
    })
    return { ...this.#counts(this.#parameters), blocks }
  }

  #select(selectors: string | readonly string[], options: FreezeOptions): string[] {
    const { cuts } = check(FreezeOptions, options)
    const list = [check(Selectors, selectors, 'selectors')].flat()
    return selectParameters(list, { names: this.#names, numHiddenLayers: this.#numHiddenLayers, cuts })
  }

  #counts(parameters: readonly Parameter[]) {
    return {
      trainable: count(parameters.filter(({ name }) => !this.#frozen.has(name))),
      frozen: count(parameters.filter(({ name }) => this.#frozen.has(name))),
    }
  }
}

function blockOf(parameter: string): string {
  if (parameter.startsWith('visual.merger.')) return 'projector'
  if (parameter.startsWith('visual.')) return 'vision'
  if (parameter.startsWith('language_model.embed_tokens.')) return 'embeddings'
  return /^language_model\.layers\.\d+/.exec(parameter)?.[0] ?? parameter.replace(/\.weight$/, '')
}

function count(parameters: readonly Parameter[]): ParameterCount {
  return {
    tensors: parameters.length,
    parameters: parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    bytes: parameters.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
