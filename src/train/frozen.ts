import { createHash } from 'node:crypto'
import { openCheckpoint } from '../checkpoint/checkpoint.ts'
import { error } from '../errors.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import { native } from '../native.ts'
import { Tensor } from '../tensor/tensor.ts'
import { storedBytes } from './save.ts'

/** SHA-256 of a frozen parameter: in the engine before the first and after the last step, in the checkpoint it comes from and in the one that was written. */
export interface FrozenParameter {
  before: string
  after: string
  stored: string
  written: string
}

export interface FrozenReport {
  schema: 1
  /** Every hash after training is the one before it. */
  identical: boolean
  parameters: Record<string, FrozenParameter>
}

/** Names of what training may not change. */
export function frozenNames(model: VisionLanguageModel): string[] {
  return model
    .parameters()
    .filter(({ trainable }) => !trainable)
    .map(({ name }) => name)
}

/** SHA-256 of the bytes with which the engine computes, by name. */
export async function hashInEngine(model: VisionLanguageModel, names: readonly string[]): Promise<Map<string, string>> {
  const hashes = new Map<string, string>()
  for (const name of names) {
    using value = new Tensor(await native().modelParameter(model.handle, name))
    hashes.set(
      name,
      createHash('sha256')
        .update(await value.bytes())
        .digest('hex'),
    )
  }
  return hashes
}

/** What `frozen.json` says. Throws `ERR_TRAINING` when a frozen parameter changed, which would be a fault of this package. */
export async function frozenReport(
  model: VisionLanguageModel,
  before: ReadonlyMap<string, string>,
  written: string,
): Promise<FrozenReport> {
  const names = [...before.keys()]
  const after = await hashInEngine(model, names)
  const [stored, now] = [await hashStored(model.directory, names), await hashStored(written, names)]
  const parameters = Object.fromEntries(
    names.map((name) => [
      name,
      { before: before.get(name)!, after: after.get(name)!, stored: stored.get(name)!, written: now.get(name)! },
    ]),
  )
  const changed = names.filter((name) => {
    const { before, after, stored, written } = parameters[name]!
    return before !== after || stored !== written
  })
  if (changed.length > 0) throw error('ERR_TRAINING', `Frozen parameters changed: ${changed.slice(0, 3).join(', ')}`)
  return { schema: 1, identical: true, parameters }
}

async function hashStored(directory: string, names: readonly string[]): Promise<Map<string, string>> {
  const { entries } = await openCheckpoint(directory)
  const hashes = new Map<string, string>()
  for (const name of names) {
    const hash = createHash('sha256')
    for await (const chunk of storedBytes(entries.get(name)!)) hash.update(chunk)
    hashes.set(name, hash.digest('hex'))
  }
  return hashes
}
