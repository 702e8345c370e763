import { z } from 'zod'
import { check } from '../check.ts'
import { type Checkpoint, type Entry, openCheckpoint } from '../checkpoint/checkpoint.ts'
import { MappedCheckpoint } from '../checkpoint/mapped.ts'
import { listed } from '../checkpoint/weights.ts'
import { error } from '../errors.ts'
import { resolveModel } from '../hub/index.ts'
import { selectParameters } from '../model/selectors.ts'
import type { RunConfig } from '../run/config.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Place, placeOf } from './place.ts'

const model = z.string().min(1).optional()

/** What every comparison is told. */
export const chainShape = {
  /** Checkpoints in the order of their training, directories or names on the Hub; two or more. `sft` is another word for `in`. */
  base: model,
  in: model,
  sft: model,
  rl: model,
  /** Further ones, after those, by the name of the update that led to each. */
  more: z.record(z.string().regex(/^\w+$/), z.string().min(1)).default({}),
  /** Parameters, as selectors; default all that are compared. */
  select: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  /** Directory of the result files; without it nothing is kept. */
  out: z.string().min(1).optional(),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
}
const Chain = z.object(chainShape)

/** An update: what training made of one checkpoint. */
export interface Update {
  /** Its key in result files: `sft`, `rl`, or the name of a further checkpoint. */
  key: string
  from: string
  to: string
}

/** A parameter of all checkpoints of a chain. */
export interface ChainParameter {
  name: string
  place: Place
  shape: readonly number[]
  entries: readonly Entry[]
}

/** Checkpoints of one model in the order of their training, mapped. */
export class CheckpointChain implements Disposable {
  readonly names: readonly string[]
  readonly updates: readonly Update[]
  /** The one whose norms updates are measured against: IN where there is one, else the first. */
  readonly reference: number
  readonly parameters: readonly ChainParameter[]
  readonly checkpoints: readonly Checkpoint[]
  private readonly mapped: readonly MappedCheckpoint[]
  private readonly locations: readonly string[]

  constructor(
    named: readonly { name: string; location: string; checkpoint: Checkpoint }[],
    select?: readonly string[],
  ) {
    this.names = named.map(({ name }) => name)
    this.locations = named.map(({ location }) => location)
    this.checkpoints = named.map(({ checkpoint }) => checkpoint)
    this.updates = this.names.slice(1).map((to, i) => ({ key: to === 'in' ? 'sft' : to, from: this.names[i]!, to }))
    this.reference = Math.max(0, this.names.indexOf('in'))
    this.parameters = parametersOf(named, select)
    this.mapped = this.checkpoints.map((checkpoint) => new MappedCheckpoint(checkpoint))
  }

  /** A parameter of every checkpoint. The caller disposes them. */
  tensors({ entries }: ChainParameter): Tensor[] {
    return entries.map((entry, i) => this.mapped[i]!.tensor(entry))
  }

  /** For the config of a run: fingerprints, since hashing everything would read every byte twice. */
  async hashes(): Promise<RunConfig['models']> {
    const described = this.checkpoints.map(async (checkpoint, i) => {
      return [this.names[i]!, { path: this.locations[i]!, sha256: await checkpoint.fingerprint() }] as const
    })
    return Object.fromEntries(await Promise.all(described))
  }

  [Symbol.dispose](): void {
    for (const mapped of this.mapped) mapped[Symbol.dispose]()
  }
}

/** Opens the checkpoints of a comparison. Throws `ERR_INVALID_ARGUMENT` for fewer than two, `ERR_CHECKPOINT_PARAMETERS`, `ERR_SHAPE_MISMATCH`. */
export async function openChain(options: z.output<typeof Chain>): Promise<CheckpointChain> {
  const { base, rl, more, signal } = options
  const wanted = Object.entries({ base, in: options.in ?? options.sft, rl, ...more })
  const given = wanted.flatMap(([name, location]) => (location === undefined ? [] : [{ name, location }]))
  check(z.array(z.unknown()).min(2, 'two checkpoints or more of base, in, rl and more'), given, 'options')
  const named = []
  for (const { name, location } of given) {
    named.push({ name, location, checkpoint: await openCheckpoint(await resolveModel(location, { signal })) })
  }
  return new CheckpointChain(named, options.select === undefined ? undefined : [options.select].flat())
}

function parametersOf(
  named: readonly { name: string; checkpoint: Checkpoint }[],
  select: readonly string[] | undefined,
): ChainParameter[] {
  const first = named[0]!.checkpoint
  const { config } = first
  const names = [...first.entries.keys()]
  const chosen = select ? selectParameters(select, { names, numHiddenLayers: config.numHiddenLayers }) : names
  const placed = chosen.flatMap((name) => {
    const place = placeOf(name, config)
    return place ? [{ name, place }] : []
  })
  if (placed.length === 0)
    throw error('ERR_UNKNOWN_PARAMETER', `No weight of an indexed layer is among what ${listed(select!)} selects`)
  for (const { name, checkpoint } of named) {
    const missing = placed
      .filter((parameter) => !checkpoint.entries.has(parameter.name))
      .map((parameter) => parameter.name)
    if (missing.length > 0) {
      throw error(
        'ERR_CHECKPOINT_PARAMETERS',
        `Expected ${missing.length} more parameters in ${name}, which lacks ${listed(missing)} (select what all have)`,
      )
    }
  }
  return placed.map(({ name, place }) => {
    const entries = named.map(({ checkpoint }) => checkpoint.entries.get(name)!)
    const other = entries.findIndex(({ shape }) => shape.join() !== entries[0]!.shape.join())
    if (other >= 0) {
      const [one, two] = [entries[0]!.shape, entries[other]!.shape]
      throw error(
        'ERR_SHAPE_MISMATCH',
        `${name} is [${one}] in ${named[0]!.name} and [${two}] in ${named[other]!.name}`,
      )
    }
    return { name, place, shape: entries[0]!.shape, entries }
  })
}
