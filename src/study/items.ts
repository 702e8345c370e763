import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { VisionLanguageModel } from '../model/model.ts'
import type { Progress } from '../run/progress.ts'
import type { StudyConfig } from './config.ts'
import type { Item, ItemContext, StudyModel } from './item.ts'

/** What the items of an analysis need to know. */
export interface Analysis {
  config: StudyConfig
  models: readonly StudyModel[]
  splices: readonly StudyModel[]
}

/** Everything that is measured of the models of a study, in order. */
export function analysisItems(analysis: Analysis): Item[] {
  return [
    ...visionItems(analysis),
    ...reasoningItems(analysis),
    ...attentionItems(analysis),
    ...compareItems(analysis),
    ...evaluationItems(analysis),
  ]
}

/** The models a probe looks at: those named, by default IN and RL, or all where these are not. */
function probed({ models }: Analysis, chosen: readonly string[] | undefined): StudyModel[] {
  if (chosen) return models.filter(({ name }) => chosen.includes(name))
  const pair = models.filter(({ role }) => role === 'in' || role === 'rl')
  return pair.length > 0 ? pair : [...models]
}

type Common = Pick<ItemContext, 'out' | 'signal'> & { onProgress: (progress: Progress) => void }

/** An item for each model that a probe looks at; none where the study says nothing of the probe. */
function probeItems<Settings extends { models?: readonly string[] }>(
  analysis: Analysis,
  { id, label, cost }: Pick<Item, 'id' | 'label' | 'cost'>,
  settings: Settings | undefined,
  run: (model: VisionLanguageModel, options: Omit<Settings, 'models'> & Common) => Promise<unknown>,
): Item[] {
  if (!settings) return []
  const { device, dtype } = analysis.config
  const { models: chosen, ...options } = settings
  return probed(analysis, chosen).map(({ name, directory }) => ({
    id: `${id}/${name}`,
    label: `${label} ${name}`,
    cost,
    run: async ({ out, signal, onProgress }) => {
      await using model = await VisionLanguageModel.load(directory, { device, dtype, signal })
      await run(model, { ...options, out, signal, onProgress: ({ done, total }) => onProgress(done, total) })
    },
  }))
}

const probes = () => import('../probe/index.ts')

function visionItems(analysis: Analysis): Item[] {
  const about = { id: 'vision', label: 'image swap in', cost: 10 }
  return probeItems(analysis, about, analysis.config.vision, async (model, options) =>
    (await probes()).vision(model, options),
  )
}

function reasoningItems(analysis: Analysis): Item[] {
  const about = { id: 'reasoning', label: 'skipped layers in', cost: 10 }
  const { reasoning: settings, seed } = analysis.config
  return probeItems(analysis, about, settings, async (model, options) =>
    (await probes()).reasoning(model, { ...options, seed }),
  )
}

function attentionItems(analysis: Analysis): Item[] {
  const about = { id: 'attention', label: 'attention to the image in', cost: 5 }
  return probeItems(analysis, about, analysis.config.attention, async (model, options) =>
    (await probes()).attention(model, options),
  )
}

/** Over Base → IN → RL, or what there is of it. */
function compareItems({ config: { compare }, models }: Analysis): Item[] {
  const chain = chainOf(models)
  const items: Item[] = []
  if (Object.values(chain).filter((directory) => directory !== undefined).length < 2) return items
  if (compare.energy)
    items.push({
      id: 'energy',
      label: 'energy of the updates',
      cost: 2,
      run: async ({ out, signal, onProgress }) => {
        const { energy } = await import('../compare/index.ts')
        await energy({ ...chain, out, signal, onProgress })
      },
    })
  if (compare.spectrum)
    items.push({
      id: 'spectrum',
      label: 'spectrum of the updates',
      cost: 2,
      run: async ({ out, signal, onProgress }) => {
        const { spectrum } = await import('../compare/index.ts')
        const { component } = compare
        await spectrum({ ...chain, component, out, signal, onProgress: ({ done, total }) => onProgress(done, total) })
      },
    })
  return items
}

/** Every model and every splice, each a run of its own: a splice is made for it, and unless it is kept goes when its replies are there. */
function evaluationItems({ config, models, splices }: Analysis): Item[] {
  const { evaluation, device, dtype, seed, keepSplices } = config
  if (!evaluation) return []
  const { models: chosen, ...options } = evaluation
  const asked = [...models.filter(({ name }) => chosen?.includes(name) ?? true), ...splices]
  return asked.map((model) => ({
    id: `eval/${model.name}`,
    label: `questions to ${model.name}`,
    cost: 10,
    run: async ({ out, signal, onProgress }) => {
      if (model.recipe !== undefined) await spliced(model, { models, config, signal })
      const { evaluate } = await import('../eval/index.ts')
      await evaluate({
        ...options,
        ...{ device, dtype, seed, out, signal },
        models: { [model.name]: model.directory },
        onProgress: ({ done, total }) => onProgress(done, total),
      })
      if (model.recipe !== undefined && !keepSplices) await rm(model.directory, { recursive: true, force: true })
    },
  }))
}

// A merge appears when it is complete, so one that is there need not be made again.
async function spliced(
  { recipe, directory }: StudyModel,
  { models, config, signal }: { models: readonly StudyModel[]; config: StudyConfig; signal?: AbortSignal },
): Promise<void> {
  const there = await stat(directory).catch(() => undefined)
  if (there) return
  const { merge } = await import('../surgery/index.ts')
  const { base, in: in_, rl } = chainOf(models)
  await merge(recipe!, { ...{ base, in: in_, rl }, layerCuts: config.layerCuts, out: directory, signal })
}

/** The directories of the models that have a place in Base → IN → RL. */
export function chainOf(models: readonly StudyModel[]): { base?: string; in?: string; rl?: string } {
  const of = (role: string) => models.find((model) => model.role === role)?.directory
  return { base: of('base'), in: of('in'), rl: of('rl') }
}

/** Where the splices of a study lie. */
export function splicesOf(
  { splices, models }: StudyConfig,
  six: Readonly<Record<string, string>>,
  out: string,
): StudyModel[] {
  const roles = Object.values(models).map((model) => (typeof model === 'string' ? '' : model.role))
  if (splices === false || (splices === true && !(roles.includes('in') && roles.includes('rl')))) return []
  const recipes = splices === true ? six : splices
  return Object.entries(recipes).map(([name, recipe]) => ({
    name,
    role: 'splice',
    recipe,
    directory: join(out, 'splices', name),
  }))
}
