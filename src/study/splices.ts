import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import type { ModelSource } from '../eval/index.ts'
import { resolveModel } from '../hub/index.ts'
import { isSplice, labelOf, parseSplice } from '../recipe/index.ts'
import { hashCheckpoint, hashJson } from '../run/hash.ts'
import { merge } from '../surgery/index.ts'
import { version } from '../version.ts'

const label = z.string().min(1).optional()

const SpliceOptions = z.strictObject({
  /** The checkpoints that the labels of a splice stand for: directories, or names on the Hub. */
  base: label,
  in: label,
  rl: label,
  /** First layer of the middle and of the late part; by default the thirds. */
  layerCuts: z.tuple([z.int().min(0), z.int().min(0)]).optional(),
  /** Directory in which the spliced checkpoints come to lie, each under the hash of what it is made of; one that is there is used again. */
  out: z.string().min(1),
  signal: z.instanceof(AbortSignal).optional(),
  /** Bytes of one splice written so far and in all. */
  onProgress: z
    .custom<(name: string, written: number, total: number) => void>(
      (value) => typeof value === 'function',
      'a function',
    )
    .optional(),
})
export type SpliceOptions = z.input<typeof SpliceOptions>

/**
 * `models` with a checkpoint in the place of every splice: `{ A: 'IN early 1/3 + RL late 2/3' }`. Models that are none stay as they are; a label alone
 * (`rl`) is its checkpoint. Throws what `merge` throws.
 */
export async function splicedModels<Source extends ModelSource>(
  models: Readonly<Record<string, Source>>,
  options: SpliceOptions,
): Promise<Record<string, Source | string>> {
  const checked = check(SpliceOptions, options)
  const found: Record<string, Source | string> = {}
  for (const [name, source] of Object.entries(models)) {
    if (typeof source !== 'string') found[name] = source
    else if (isSplice(source)) found[name] = await spliced(name, source, checked)
    else found[name] = standsFor(source, checked)
  }
  return found
}

type Labels = Pick<SpliceOptions, 'base' | 'in' | 'rl'>

function standsFor(word: string, labels: Labels): string {
  const name = labelOf(word)
  return (Object.hasOwn(labels, name) ? labels[name as keyof Labels] : undefined) ?? word
}

async function spliced(name: string, splice: string, options: z.output<typeof SpliceOptions>): Promise<string> {
  const { base, in: in_, rl, layerCuts, signal, onProgress } = options
  const sources: Record<string, string> = {}
  for (const model of parseSplice(splice).models) {
    sources[model] = await hashCheckpoint(await resolveModel(standsFor(model, options), { signal }), signal)
  }
  const made = hashJson({ splice, sources, layerCuts: layerCuts ?? null, version })
  const out = join(options.out, made.slice(0, 16))
  // a merge appears when it is complete
  const there = await stat(out).catch(() => undefined)
  if (!there) {
    await merge(splice, {
      ...{ base, in: in_, rl, layerCuts, out, signal },
      onProgress: (written, total) => onProgress?.(name, written, total),
    })
  }
  return out
}
