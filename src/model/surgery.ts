import { copyFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { check, expected } from '../check.ts'
import { type Checkpoint, type Entry, openCheckpoint } from '../checkpoint/checkpoint.ts'
import { MappedCheckpoint } from '../checkpoint/mapped.ts'
import { writeDirectory } from '../checkpoint/output-directory.ts'
import { listed } from '../checkpoint/weights.ts'
import { shardsOf, totalBytes, writeShards } from '../checkpoint/writer.ts'
import { error } from '../errors.ts'
import { ResolveOptions, resolveModel } from '../hub/index.ts'
import { abortable, type ModelHandle, native, requireNotAborted } from '../native.ts'
import type { Device } from '../tensor/argument-types.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import type { Expression } from '../tensor/expression.ts'
import { Tensor } from '../tensor/tensor.ts'
import { recordEdit } from './edit.ts'
import type { Parameter } from './parameters.ts'
import { Selectors, selectParameters } from './selectors.ts'
import { storedPieces, tensorPieces } from './stored-pieces.ts'

const EditOptions = z.strictObject({
  /** First layer of `middle` and of `late`; default the thirds. */
  cuts: z.tuple([z.int(), z.int()]).optional(),
  signal: z.instanceof(AbortSignal).optional(),
})
export type EditOptions = z.input<typeof EditOptions>

const GraftOptions = EditOptions.extend({
  /** How the name of a donor on the Hub is resolved. */
  hub: ResolveOptions.omit({ signal: true }).optional(),
})
export type GraftOptions = z.input<typeof GraftOptions>

const SaveOptions = z.strictObject({
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(written: number, total: number) => void>((value) => typeof value === 'function').optional(),
})
export type SaveOptions = z.input<typeof SaveOptions>

/** What is made of a parameter: `w` has the model's dtype. In-place forms change `w` itself, which then need not be returned. */
export type Edit = (
  w: Expression,
  name: string,
) => // biome-ignore lint/suspicious/noConfusingVoidType: what changes w in place need not return it
Expression | undefined | void

/** The loaded model that is operated on. */
export interface Patient {
  handle(): ModelHandle
  checkpoint: Checkpoint
  parameters: readonly Parameter[]
  dtype: FloatingDtype
  device: string
}

/** Changes of the parameters of a loaded model. Each call changes all it names or, when it fails, nothing. */
export class Surgery {
  readonly #patient: Patient
  readonly #changed = new Set<string>()
  readonly #trained = new Set<string>()

  constructor(patient: Patient) {
    this.#patient = patient
  }

  /** A parameter as the model computes with it, without a copy; later changes of the model do not reach it. */
  async parameter(name: string): Promise<Tensor> {
    if (this.#select(name).length !== 1 || !this.#patient.parameters.some((known) => known.name === name))
      throw expected('the name of one parameter (see parameters())', 'name', name, 'ERR_UNKNOWN_PARAMETER')
    return new Tensor(await native().modelParameter(this.#patient.handle(), name))
  }

  async edit(selectors: string | readonly string[], change: Edit, options: EditOptions = {}): Promise<string[]> {
    const { cuts, signal } = check(EditOptions, options)
    const names = this.#select(selectors, cuts)
    const edits = names.map((name) => recordEdit(this.#named(name), change))
    const values: Tensor[] = []
    try {
      for (const { name, run } of edits) {
        using before = await this.parameter(name)
        values.push(await run(before, signal))
      }
      await this.#set(names, values, signal)
    } finally {
      for (const value of values) value.dispose()
      for (const { program } of edits) program.dispose()
    }
    return names
  }

  /** `donor`: a checkpoint, or what holds the parameters of a loaded model. */
  async graft(
    donor: string | Surgery,
    selectors: string | readonly string[],
    options: GraftOptions = {},
  ): Promise<string[]> {
    const { cuts, signal, hub } = check(GraftOptions, options)
    const names = this.#select(selectors, cuts)
    requireNotAborted(signal)
    if (donor instanceof Surgery) {
      this.#requireLike(names, new Map(donor.#patient.parameters.map((known) => [known.name, known])), donor.#directory)
      await this.#replace(names, (name) => donor.parameter(name), signal)
      return names
    }
    const checkpoint = await openCheckpoint(await resolveModel(donor, { ...hub, signal }))
    this.#requireLike(names, checkpoint.entries, checkpoint.directory)
    await this.#replaceByStored(names, checkpoint, signal)
    return names
  }

  /** What `selectors` name, or all that was changed, becomes what the checkpoint holds. */
  async restore(selectors?: string | readonly string[], options: EditOptions = {}): Promise<string[]> {
    const { cuts, signal } = check(EditOptions, options)
    const chosen = new Set(selectors === undefined ? this.#changed : this.#select(selectors, cuts))
    const names = this.#patient.parameters.map(({ name }) => name).filter((name) => chosen.has(name))
    await this.#replaceByStored(names, this.#patient.checkpoint, signal)
    for (const name of names) this.#changed.delete(name)
    return names
  }

  /** From now on a trainer changes these, and nothing else may, until what this returns is called. */
  claimForTraining(names: readonly string[]): () => void {
    this.#requireUntrained(names)
    for (const name of names) {
      this.#changed.add(name)
      this.#trained.add(name)
    }
    return () => {
      for (const name of names) this.#trained.delete(name)
    }
  }

  async save(directory: string, options: SaveOptions = {}): Promise<string> {
    const out = path.resolve(check(z.string().min(1), directory, 'directory'))
    const { signal, onProgress } = check(SaveOptions, options)
    const { checkpoint } = this.#patient
    this.#patient.handle() // ERR_DISPOSED before anything is made
    requireNotAborted(signal)
    const entries = [...checkpoint.entries.values()]
    await using stored = storedPieces(signal)
    const pieces = (entry: Entry) =>
      this.#changed.has(entry.name)
        ? tensorPieces(() => this.parameter(entry.name), entry.dtype, signal)
        : stored.of(entry)
    await writeDirectory(out, totalBytes(entries), async (temporary) => {
      for (const file of checkpoint.sideFiles) await copyFile(file, path.join(temporary, path.basename(file)))
      await writeShards(temporary, shardsOf(checkpoint, entries), pieces, { signal, onProgress })
    })
    return out
  }

  get #directory(): string {
    return this.#patient.checkpoint.directory
  }

  #select(selectors: string | readonly string[], cuts?: readonly [number, number]): string[] {
    const { parameters, checkpoint } = this.#patient
    const list = [check(Selectors, selectors, 'selectors')].flat()
    const names = parameters.map(({ name }) => name)
    return selectParameters(list, { names, numHiddenLayers: checkpoint.config.numHiddenLayers, cuts })
  }

  #named(name: string): Parameter {
    return this.#patient.parameters.find((known) => known.name === name)!
  }

  #requireLike(
    names: readonly string[],
    donor: ReadonlyMap<string, { shape: readonly number[] }>,
    directory: string,
  ): void {
    const missing = names.filter((name) => !donor.has(name))
    if (missing.length > 0)
      throw error('ERR_UNKNOWN_PARAMETER', `Expected a donor with ${listed(missing)} but ${directory} has none`)
    const wanted = (name: string) => this.#named(name).shape
    const misfit = names.filter((name) => String(donor.get(name)!.shape) !== String(wanted(name)))
    if (misfit.length === 0) return
    const words = misfit.map((name) => `${name} [${donor.get(name)!.shape}] instead of [${wanted(name)}]`)
    throw error('ERR_SHAPE_MISMATCH', `Expected parameters of the same shapes but ${directory} has ${listed(words)}`)
  }

  // Mapped from the file where dtype and device are those of the model.
  async #replaceByStored(names: readonly string[], checkpoint: Checkpoint, signal: AbortSignal | undefined) {
    using mapped = new MappedCheckpoint(checkpoint)
    await this.#replace(names, (name) => mapped.tensor(checkpoint.entries.get(name)!), signal)
  }

  async #replace(
    names: readonly string[],
    of: (name: string) => Tensor | Promise<Tensor>,
    signal: AbortSignal | undefined,
  ) {
    const { dtype, device } = this.#patient
    const values: Tensor[] = []
    try {
      for (const name of names) {
        const value = await of(name)
        values.push(value)
        if (value.dtype === dtype && value.device === device) continue
        values[values.length - 1] = await value.to({ dtype, device: device as Device })
        value.dispose()
      }
      await this.#set(names, values, signal)
    } finally {
      for (const value of values) value.dispose()
    }
  }

  // A trainer goes on from values of its own: what others set would be lost at its next step.
  #requireUntrained(names: readonly string[]): void {
    const trained = names.filter((name) => this.#trained.has(name))
    if (trained.length > 0) throw error('ERR_TRAINING', `A trainer changes ${listed(trained)}: dispose it first`)
  }

  async #set(names: readonly string[], values: readonly Tensor[], signal: AbortSignal | undefined): Promise<void> {
    this.#requireUntrained(names)
    const handles = values.map(({ handle }) => handle)
    await abortable(signal, (cancellation) =>
      native().setParameters(this.#patient.handle(), names, handles, cancellation),
    )
    for (const name of names) this.#changed.add(name)
  }
}
