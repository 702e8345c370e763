import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { bytesPerElement } from '../checkpoint/dtypes.ts'
import { type Elements, MappedCheckpoint } from '../checkpoint/mapped.ts'
import { elementCount } from '../checkpoint/safetensors.ts'
import type { Stretch } from '../checkpoint/writer.ts'
import { error } from '../errors.ts'
import { abortable, native } from '../native.ts'
import { all } from '../tensor/evaluate.ts'
import type { Expression, ScalarExpression } from '../tensor/expression.ts'
import { recordOwn } from '../tensor/record.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Tensors } from './method.ts'
import { type Assignment, isCopy, type Models, type Origin, pieceElements, workingDtype } from './plan.ts'

// Of a stretch of a file: long enough that calls cost nothing, short enough for progress and aborts.
const copyBytes = 32 << 20

/** Seconds to measure a whole parameter, and to make so many elements of it. */
export interface Trial {
  measuring: number
  making: number
  elements: number
}

/**
 * The bytes of merged parameters, computed while they are written: a copied parameter goes from file to file on a worker thread, a merged one
 * through the engine, the next piece computed while the one before is written. Holds the sources open until it is disposed.
 */
export class MergedBytes implements AsyncDisposable {
  private readonly models: Models
  private readonly seed: number
  private readonly signal: AbortSignal | undefined
  private readonly handles = new Map<string, FileHandle>()
  private readonly mapped = new Map<string, MappedCheckpoint>()

  constructor(models: Models, { seed, signal }: { seed: number; signal?: AbortSignal }) {
    this.models = models
    this.seed = seed
    this.signal = signal
  }

  of(assignment: Assignment): AsyncIterable<Stretch> {
    return isCopy(assignment) ? this.copied(assignment) : this.computed(assignment)
  }

  /** Makes the first `elements` of a parameter, or somewhat more, into the open file `descriptor`; tells the seconds that took. */
  async trial(assignment: Assignment, descriptor: number, elements: number): Promise<Trial> {
    const begun = performance.now()
    const measured = isCopy(assignment) ? [] : await this.measured(assignment)
    const then = performance.now()
    let written = 0
    try {
      for await (const piece of isCopy(assignment) ? this.copied(assignment) : this.pieces(assignment, measured)) {
        await piece.writeTo(descriptor, written)
        written += piece.length
        if (written >= elements * bytesPerElement(assignment.dtype)) break
      }
    } finally {
      for (const tensor of measured) tensor.dispose()
    }
    const making = (performance.now() - then) / 1000
    return { measuring: (then - begun) / 1000, making, elements: written / bytesPerElement(assignment.dtype) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mapped of this.mapped.values()) mapped[Symbol.dispose]()
    for (const handle of this.handles.values()) await handle.close()
  }

  private async *copied({ origins: [origin] }: Assignment): AsyncGenerator<Stretch> {
    const { entry } = origin!
    const source = await this.open(entry.file)
    for (let begin = entry.begin; begin < entry.end; begin += copyBytes) {
      const length = Math.min(copyBytes, entry.end - begin)
      const writeTo = async (descriptor: number, offset: number) => {
        const place = await abortable(this.signal, (cancellation) =>
          native().copyNumbers(source.fd, begin, length, descriptor, offset, entry.dtype, cancellation),
        )
        if (place !== null) throw notFinite(origin!)
      }
      yield { length, writeTo }
    }
  }

  private async *computed(assignment: Assignment): AsyncGenerator<Stretch> {
    const measured = await this.measured(assignment)
    try {
      yield* this.pieces(assignment, measured)
    } finally {
      for (const tensor of measured) tensor.dispose()
    }
  }

  private async *pieces(assignment: Assignment, measured: readonly Tensor[]): AsyncGenerator<Stretch> {
    const pieces = piecesOf(assignment)
    let next = this.piece(assignment, pieces[0]!, measured)
    try {
      for (let i = 0; i < pieces.length; i++) {
        using piece = await next
        if (i + 1 < pieces.length) next = this.piece(assignment, pieces[i + 1]!, measured)
        yield {
          length: piece.numel() * bytesPerElement(assignment.dtype),
          writeTo: (file, at) => this.write(assignment, piece, file, at),
        }
      }
    } finally {
      // where the writer gave up, the piece under way has no taker
      await next.then((piece) => piece.dispose()).catch(() => {})
    }
  }

  private async write({ name, dtype }: Assignment, piece: Tensor, descriptor: number, offset: number): Promise<void> {
    const place = await abortable(this.signal, (cancellation) =>
      native().writeNumbers(piece.handle, descriptor, offset, cancellation),
    )
    if (place !== null) throw error('ERR_NON_FINITE', `${name}: what is merged exceeds the range of ${dtype}`)
  }

  private async measured(assignment: Assignment): Promise<Tensor[]> {
    const { method, values } = assignment
    if (!method.measure) return []
    return await this.record(assignment, undefined, (tensors) => [...method.measure!(tensors, values as never)])
  }

  private async piece(assignment: Assignment, elements: Elements, measured: readonly Tensor[]): Promise<Tensor> {
    const { method, values, dtype } = assignment
    const [piece] = await this.record(assignment, elements, (tensors) => [
      method
        .combine(tensors, values as never, measured)
        .to(dtype)
        .contiguous() as Expression,
    ])
    return piece!
  }

  /** Runs what `record` makes of a parameter, or of some of its elements, after a look at every number that goes in. */
  private async record(
    assignment: Assignment,
    elements: Elements | undefined,
    record: (tensors: Tensors) => Expression[],
  ): Promise<Tensor[]> {
    const { base, origins, name } = assignment
    const from = base ? [base, ...origins] : origins
    const inputs = from.map((origin) => this.tensor(origin, elements))
    try {
      const places = inputs.map((input) => recordOwn('first_non_finite', [input]) as ScalarExpression<number>)
      const working = inputs.map((input) => input.to(workingDtype(assignment)) as Expression)
      const [zero, models] = base ? [working[0]!, working.slice(1)] : [undefined, working]
      const results = record(this.tensors(name, zero, models, elements?.[0] ?? 0))
      const computed = await all({ results, places }, { signal: this.signal })
      const bad = computed.places.findIndex((place) => place >= 0)
      if (bad < 0) return computed.results
      for (const result of computed.results) result.dispose()
      throw notFinite(from[bad]!)
    } finally {
      for (const input of inputs) input.dispose()
    }
  }

  private tensors(name: string, base: Expression | undefined, models: readonly Expression[], first: number): Tensors {
    const seed = (index: number) => drawSeed(this.seed, name, index)
    return {
      models,
      get base() {
        if (base) return base
        throw error(
          'ERR_INVALID_ARGUMENT',
          "Expected base: 'required' in the definition of a method that uses its base",
        )
      },
      get deltas() {
        return models.map((model) => model.sub(this.base))
      },
      keep: (like, probability, index) => recordOwn('keep', [like, probability, seed(index), first]) as Expression,
      normal: (like) => recordOwn('normal', [like, seed(0), first]) as Expression,
    }
  }

  private tensor({ model, entry }: Origin, elements: Elements | undefined): Tensor {
    const mapped = this.mapped.get(model) ?? new MappedCheckpoint(this.models.get(model)!)
    this.mapped.set(model, mapped)
    return mapped.tensor(entry, elements)
  }

  private async open(file: string): Promise<FileHandle> {
    const handle = this.handles.get(file) ?? (await open(file))
    this.handles.set(file, handle)
    return handle
  }
}

function piecesOf({ shape }: Assignment): Elements[] {
  const elements = elementCount(shape)!
  return Array.from({ length: Math.max(1, Math.ceil(elements / pieceElements)) }, (_, i) => [
    i * pieceElements,
    Math.min(elements, (i + 1) * pieceElements),
  ])
}

function notFinite({ model, entry }: Origin): Error {
  return error('ERR_NON_FINITE', `${entry.storedName} of ${model} holds a NaN or an infinity (${entry.file})`)
}

// 53 bits that depend on the recipe's seed, the parameter and the model.
function drawSeed(seed: number, name: string, index: number): number {
  const hash = createHash('sha256')
    .update(JSON.stringify([seed, name, index]))
    .digest()
  return Number(hash.readBigUInt64LE() >> 11n)
}
