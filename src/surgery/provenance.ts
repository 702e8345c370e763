import { version } from '../version.ts'
import type { Assignment, Origin } from './plan.ts'
import type { CheckedOptions, PreparedMerge } from './prepare.ts'

/**
 * The contents of merge.json: what was asked for, from which models, and what every parameter was made of. No times, so that the same merge
 * writes the same file.
 */
export async function provenance(prepared: PreparedMerge, { hash, signal }: CheckedOptions) {
  const { recipe, models, locations, decoder, dtype, seed, assignments } = prepared
  const described = [...models].map(async ([name, checkpoint]) => {
    const hashes = {
      fingerprint: await checkpoint.fingerprint(),
      ...(hash ? { sha256: await checkpoint.hash({ signal }) } : {}),
    }
    return [name, { location: locations.get(name)!, ...hashes }] as const
  })
  return {
    schema: 1,
    version,
    recipe: recipe.written,
    layer_cuts: decoder.cuts,
    dtype: dtype ?? null,
    seed,
    first: recipe.models[0]!,
    models: Object.fromEntries(await Promise.all(described)),
    parameters: Object.fromEntries(assignments.map((assignment) => [assignment.name, made(assignment)])),
  }
}

export type Provenance = Awaited<ReturnType<typeof provenance>>

function made({ method, origins, base, values, name }: Assignment) {
  // the name there only where it is another
  const origin = ({ model, entry }: Origin) => (entry.name === name ? model : `${model}: ${entry.name}`)
  return {
    method: method.name,
    from: origins.map(origin),
    ...(base ? { base: origin(base) } : {}),
    ...(method.name === 'passthrough' && values.scale === 1 ? {} : { values }),
  }
}
