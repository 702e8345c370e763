import { z } from 'zod'
import { check } from '../check.ts'
import { listed } from '../checkpoint/weights.ts'
import { error } from '../errors.ts'
import type { Progress } from '../run/progress.ts'
import { openRun, type Run } from '../run/run.ts'
import { all, evaluate } from '../tensor/evaluate.ts'
import type { Expression } from '../tensor/expression.ts'
import { nearestName } from '../tensor/operators.ts'
import { recordOwn } from '../tensor/record.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type ChainParameter, type CheckpointChain, chainShape, openChain } from './chain.ts'
import { type Metadata, metadataOf } from './metadata.ts'
import type { Place } from './place.ts'
import {
  chosenMethod,
  type Decomposition,
  decompose,
  exactValues,
  type SpectrumMethod,
  spectrumMethods,
} from './singular-values.ts'
import { writeSpectrumCharts } from './spectrum-charts.ts'
import { gramFloor, measuresOf, type Spectrum } from './spectrum-measures.ts'
import { type SpectrumSummary, summarizeSpectra } from './spectrum-summary.ts'

const SpectrumOptions = z.strictObject({
  ...chainShape,
  /** Pieces of the names of matrices, such as `down_proj`, `self_attn`, `mlp`, or `all`. */
  component: z.union([z.string(), z.array(z.string()).min(1)]).default('down_proj'),
  /** `auto` is gram, and exact for small matrices. */
  method: z.enum(spectrumMethods).default('auto'),
  /** How many singular values are kept, and how many directions the principal angles compare. */
  topk: z.int().min(1).default(50),
  /** Compare the leading subspaces of the updates; costs a decomposition with vectors. Default true. */
  angles: z.boolean().default(true),
  onProgress: z.custom<(progress: Progress) => void>((value) => typeof value === 'function', 'a function').optional(),
})
export type SpectrumOptions = z.input<typeof SpectrumOptions>
type Checked = z.output<typeof SpectrumOptions>

/** Between the leading subspaces of an update and an earlier one, in radians, ascending. */
export interface PrincipalAngles {
  /** Of the output space. */
  left: number[]
  /** Of the input space. */
  right: number[]
}

/** One matrix: its place, a `Spectrum` under the key of each update, and under `angles` the principal angles of each pair, by `earlier,later`. */
export type SpectrumRecord = { param_name: string; shape: readonly number[] } & Place & {
    angles: Record<string, PrincipalAngles>
  } & { [update: string]: Spectrum | unknown }

export interface SpectrumResult extends SpectrumSummary {
  metadata: Metadata & { component: string[]; method: SpectrumMethod; topk: number }
  layers: SpectrumRecord[]
}

const recordsFile = 'spectrum.jsonl'

/**
 * How many directions the updates use: singular values of Δ, matrix by matrix (arXiv 2602.12395, update characterization), and beyond the
 * paper the principal angles between the leading subspaces of successive updates. Differences in float32 or better.
 *
 * With `out` it writes `layerwise_svd.json` and plots there, and continues a run that was cut off. Throws `ERR_CHECKPOINT_PARAMETERS`,
 * `ERR_SHAPE_MISMATCH`, `ERR_NON_FINITE`, `ERR_UNKNOWN_PARAMETER`, `ERR_RUN_MISMATCH`, `ERR_ABORTED`.
 */
export async function spectrum(options: SpectrumOptions): Promise<SpectrumResult> {
  const checked = check(SpectrumOptions, options)
  using chain = await openChain(checked)
  const matrices = matricesOf(chain, checked)
  await using run = await openSpectrumRun(chain, checked)
  const samples = matrices.map((parameter) => ({ id: parameter.name, parameter }))
  await run.forEach(recordsFile, samples, async ({ parameter }) => [await recordOf(chain, parameter, checked)])
  // a matrix that cannot be decomposed is no sample to go without
  const [failure] = await run.failures()
  if (failure)
    throw error(
      failure.code === 'ERR_NON_FINITE' ? failure.code : 'ERR_ENGINE',
      `${failure.sample}: ${failure.message}`,
    )
  const layers = await run.records<SpectrumRecord>(recordsFile)
  const { method, topk } = checked
  const result = {
    metadata: { ...metadataOf(chain), component: [checked.component].flat(), method, topk },
    layers,
    ...summarizeSpectra(
      layers,
      chain.updates.map(({ key }) => key),
    ),
  }
  if (checked.out !== undefined) {
    await run.writeJson('layerwise_svd.json', result)
    await writeSpectrumCharts(run, result)
  }
  return result
}

function matricesOf(chain: CheckpointChain, { component }: Checked): ChainParameter[] {
  const pieces = [component].flat()
  const matrices = chain.parameters.filter(({ shape }) => shape.length === 2)
  if (pieces.includes('all')) return matrices
  const chosen = matrices.filter(({ name }) => pieces.some((piece) => name.split('.').includes(piece)))
  for (const piece of pieces) {
    if (chosen.some(({ name }) => name.split('.').includes(piece))) continue
    const known = [
      ...new Set(
        matrices.flatMap(({ name }) =>
          name
            .split('.')
            .slice(2)
            .filter((part) => !/^\d+$|^weight$/.test(part)),
        ),
      ),
    ]
    const near = nearestName(piece, known)
    throw error(
      'ERR_UNKNOWN_PARAMETER',
      `No matrix belongs to component '${piece}'${near ? `; the nearest is '${near}'` : ''} (there are all, ${listed(known)})`,
    )
  }
  return chosen
}

async function recordOf(chain: CheckpointChain, parameter: ChainParameter, options: Checked): Promise<SpectrumRecord> {
  const { name, place, shape } = parameter
  const keys = chain.updates.map(({ key }) => key)
  const vectors = options.angles && keys.length > 1
  const spectra: Spectrum[] = []
  const decompositions: Decomposition[] = []
  try {
    for (let i = 0; i < keys.length; i++) {
      using delta = await difference(chain, parameter, i, options.signal)
      const decomposition = await decompose(delta, {
        ...options,
        method: chosenMethod(options.method, shape as [number, number]),
        vectors,
      })
      decompositions.push(decomposition)
      spectra.push(await spectrumOf(delta, decomposition, options))
    }
    const angles: SpectrumRecord['angles'] = {}
    for (let later = 1; later < decompositions.length && vectors; later++) {
      for (let earlier = 0; earlier < later; earlier++) {
        const pair = [decompositions[earlier]!, decompositions[later]!] as const
        angles[`${keys[earlier]},${keys[later]}`] = await anglesBetween(...pair, options.signal)
      }
    }
    return {
      param_name: name,
      shape,
      ...place,
      ...Object.fromEntries(keys.map((key, i) => [key, spectra[i]!])),
      angles,
    }
  } finally {
    for (const { vectors } of decompositions) {
      vectors?.left.dispose()
      vectors?.right.dispose()
    }
  }
}

/** Δ of one update, float32, or float64 where a checkpoint is. */
async function difference(
  chain: CheckpointChain,
  parameter: ChainParameter,
  update: number,
  signal?: AbortSignal,
): Promise<Tensor> {
  const tensors = chain.tensors(parameter)
  try {
    const [before, after] = [tensors[update]!, tensors[update + 1]!]
    const dtype = before.dtype === 'float64' || after.dtype === 'float64' ? 'float64' : 'float32'
    const delta = (after.to(dtype) as Expression).sub(before.to(dtype) as Expression)
    const place = recordOwn('first_non_finite', [delta]) as PromiseLike<number>
    const computed = await all({ delta, place }, { signal })
    if (computed.place < 0) return computed.delta as Tensor
    ;(computed.delta as Tensor).dispose()
    throw error(
      'ERR_NON_FINITE',
      `the difference from ${chain.names[update]} to ${chain.names[update + 1]} holds a NaN or an infinity`,
    )
  } finally {
    for (const tensor of tensors) tensor.dispose()
  }
}

async function spectrumOf(
  delta: Tensor,
  { method, values }: Decomposition,
  { topk, signal }: Checked,
): Promise<Spectrum> {
  using squared = await evaluate<Expression>(recordOwn('inner_product', [delta, delta]) as Expression, { signal })
  const frobenius = Math.sqrt(Number(await squared.item()))
  const unclear = method === 'gram' && values.at(-1)! < gramFloor * values[0]!
  const exact = unclear && frobenius > 0 ? await exactValues(delta, signal) : undefined
  return measuresOf(values, { method, frobenius, topk, complete: method !== 'randomized', exact })
}

async function anglesBetween(one: Decomposition, other: Decomposition, signal?: AbortSignal): Promise<PrincipalAngles> {
  // directions without extent are none
  const rank = ({ values, vectors }: Decomposition) => {
    const extent = values.findIndex((value) => value <= gramFloor * values[0]!)
    return Math.min(vectors!.left.shape[1]!, extent < 0 ? values.length : extent)
  }
  const k = Math.min(rank(one), rank(other))
  if (k === 0) return { left: [], right: [] }
  const cosines = (a: Tensor, b: Tensor) =>
    (a.narrow(1, 0, k).to('float64') as Expression)
      .t()
      .matmul(b.narrow(1, 0, k).to('float64') as Expression)
      .linalg_svdvals()
  const { left, right } = await all(
    { left: cosines(one.vectors!.left, other.vectors!.left), right: cosines(one.vectors!.right, other.vectors!.right) },
    { signal },
  )
  using _left = left
  using _right = right
  const angles = async (tensor: Tensor) =>
    Array.from((await tensor.data()) as Float64Array, (cosine) => Math.acos(Math.min(1, cosine)))
  return { left: await angles(left), right: await angles(right) }
}

async function openSpectrumRun(chain: CheckpointChain, checked: Checked): Promise<Run> {
  const { out, component, method, topk, angles, select, overwrite, signal, onProgress } = checked
  const given = { component, method, topk, angles, ...(select === undefined ? {} : { select }) }
  return openRun({
    out,
    command: 'compare spectrum',
    arguments: given,
    models: await chain.hashes(),
    overwrite,
    signal,
    onProgress,
  })
}
