import type { Inputs } from './inputs.ts'
import { checkIntervention, type Intervention } from './interventions.ts'
import type { Prefilled } from './swap.ts'

/** The configurations of a sweep with every source of a swap read that was not yet, each prompt once. Dispose it. */
export async function readSources(
  configurations: readonly (readonly Intervention[])[],
  prefill: (source: Inputs) => Promise<Prefilled>,
): Promise<{ configurations: readonly (readonly Intervention[])[] } & Disposable> {
  const read = new Map<Inputs, Prefilled>()
  const release = () => {
    for (const source of read.values()) source[Symbol.dispose]()
  }
  const withSource = async (intervention: Intervention): Promise<Intervention> => {
    if (intervention.kind !== 'swap') return intervention
    checkIntervention(intervention, 'interventions')
    const { inputs, keysValues } = intervention.source
    if (keysValues) return intervention
    const source = read.get(inputs) ?? (await prefill(inputs))
    read.set(inputs, source)
    return { ...intervention, source: { inputs, keysValues: source.keysValues } }
  }
  try {
    const known: Intervention[][] = []
    for (const given of configurations) {
      const interventions: Intervention[] = []
      for (const intervention of given) interventions.push(await withSource(intervention))
      known.push(interventions)
    }
    return { configurations: known, [Symbol.dispose]: release }
  } catch (thrown) {
    release()
    throw thrown
  }
}
