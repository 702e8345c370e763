import { readFile, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { isRandom } from '../checkpoint/random-card.ts'
import { error, FrankentorchError } from '../errors.ts'
import { resolveModel } from '../hub/index.ts'
import { manifestFile, type StudyManifest } from '../report/manifest.ts'
import { type ReportResult, report } from '../report/report.ts'
import { writeJson } from '../run/files.ts'
import { hashCheckpoint } from '../run/hash.ts'
import { openRun } from '../run/run.ts'
import { roleOfName, StudyConfig, type StudyConfigInput, sixSplices } from './config.ts'
import type { Item, StudyModel } from './item.ts'
import { analysisItems, splicesOf } from './items.ts'
import { Pace, type StudyProgress } from './pace.ts'

export const StudyOptions = z.strictObject({
  /** The study's directory. */
  out: z.string().min(1),
  /** This process does every n-th item, beginning with the i-th: `[1, 2]` and `[2, 2]` share the work. Neither writes the report. */
  shard: z.tuple([z.int().min(1), z.int().min(1)]).optional(),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z
    .custom<(progress: StudyProgress) => void>((value) => typeof value === 'function', 'a function')
    .optional(),
})
export type StudyOptions = z.input<typeof StudyOptions>

export interface StudyResult {
  /** The page, once every item is done. */
  report?: ReportResult
  /** Items done now, found done, and left to other shards. */
  done: number
  skipped: number
  left: number
}

/**
 * The whole analysis of arXiv 2602.12395 over checkpoints: localization, comparison, splices, evaluation, report, in one directory. Each item is
 * done once; the same study called again continues, inside an item too. Rejects with `ERR_RUN_MISMATCH` where `out` holds another study,
 * and with what the stages reject with.
 */
export async function study(config: StudyConfigInput, options: StudyOptions): Promise<StudyResult> {
  const settings = check(StudyConfig, config, 'config')
  const checked = check(StudyOptions, options)
  const models = await modelsOf(settings, checked.signal)
  const splices = splicesOf(
    {
      ...settings,
      models: Object.fromEntries(models.map((model) => [model.name, { path: model.directory, role: model.role }])),
    },
    sixSplices,
    resolve(checked.out),
  )
  await claim(settings, models, checked)
  const random: string[] = []
  for (const { name, directory } of models) if (await isRandom(directory)) random.push(name)
  await writeManifest(checked.out, { kind: 'checkpoints', title: settings.title, notes: settings.notes, random }, [
    ...models,
    ...splices,
  ])
  return runItems(analysisItems({ config: settings, models, splices }), checked)
}

async function modelsOf(config: StudyConfig, signal?: AbortSignal): Promise<StudyModel[]> {
  return Promise.all(
    Object.entries(config.models).map(async ([name, model]) => {
      const { path, role } = typeof model === 'string' ? { path: model, role: roleOfName(name) } : model
      return { name, role, directory: await resolveModel(path, { signal }) }
    }),
  )
}

// The study's own config.json: the same study continues, another is refused. Not held, so that shards can work beside each other.
async function claim(
  settings: StudyConfig,
  models: readonly StudyModel[],
  { out, overwrite, signal }: z.output<typeof StudyOptions>,
): Promise<void> {
  const { models: _paths, title: _title, notes: _notes, ...rest } = settings
  const hashed: Record<string, { path: string; sha256: string }> = {}
  for (const { name, directory } of models)
    hashed[name] = { path: directory, sha256: await hashCheckpoint(directory, signal) }
  await claimDirectory({ out, overwrite, command: 'study', arguments: plain(rest), models: hashed })
}

/** Opens `out` as a run and gives it back: throws `ERR_RUN_MISMATCH` where it is another's. With `overwrite` what was there goes. */
export async function claimDirectory(options: Parameters<typeof openRun>[0] & { out: string }): Promise<void> {
  const { out, overwrite, command } = options
  if (overwrite && (await commandOf(out)) === command) {
    for (const folder of studyFolders) await rm(join(out, folder), { recursive: true, force: true })
  }
  for (let attempt = 0; ; attempt++) {
    try {
      await using _run = await openRun(options)
      return
    } catch (thrown) {
      const locked = thrown instanceof FrankentorchError && thrown.code === 'ERR_RUN_LOCKED'
      if (!locked || attempt === 20) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const studyFolders = ['train', 'questions', 'vision', 'reasoning', 'attention', 'energy', 'spectrum', 'splices', 'eval']

async function commandOf(out: string): Promise<unknown> {
  const text = await readFile(join(out, 'config.json'), 'utf8').catch(() => '{}')
  try {
    return JSON.parse(text).command
  } catch {
    return undefined
  }
}

/** Writes `study.json`, by which a report knows what the models are. */
export async function writeManifest(
  out: string,
  about: Pick<StudyManifest, 'kind' | 'title' | 'notes' | 'random'>,
  models: readonly StudyModel[],
): Promise<void> {
  const manifest: StudyManifest = {
    schema: 1,
    ...about,
    models: Object.fromEntries(models.map(({ name, role, recipe, folder }) => [name, { role, recipe, folder }])),
  }
  await writeJson(join(out, manifestFile), manifest)
}

const doneFile = 'done.json'

/** Does the items that are not done, in order, and then writes the report. An item is done when its folder says so. */
export async function runItems(
  items: readonly Item[],
  { out, shard, signal, onProgress }: z.output<typeof StudyOptions>,
): Promise<StudyResult> {
  const pace = new Pace(items.map(({ cost }) => cost))
  const result: StudyResult = { done: 0, skipped: 0, left: 0 }
  for (const [index, item] of items.entries()) {
    const folder = join(out, item.id)
    const tell = (share: number) =>
      onProgress?.({ label: item.label, item: index + 1, items: items.length, ...pace.now(index, share) })
    if (await stat(join(folder, doneFile)).catch(() => undefined)) {
      pace.skip(index)
      result.skipped++
      continue
    }
    if (shard && index % shard[1] !== shard[0] - 1) {
      pace.skip(index)
      result.left++
      continue
    }
    if (signal?.aborted)
      throw error('ERR_ABORTED', `Aborted before ${item.label}; the same command continues the study in ${out}`)
    tell(0)
    await item.run({
      out: folder,
      signal,
      onProgress: (done, total) => tell(total > 0 ? Math.min(1, done / total) : 0),
    })
    await writeJson(join(folder, doneFile), { schema: 1, item: item.id })
    tell(1)
    pace.finish(index)
    result.done++
  }
  if (result.left === 0) result.report = await report(out)
  return result
}

/** A value as JSON keeps it. */
export function plain(value: unknown) {
  return check(z.record(z.string(), z.json()), JSON.parse(JSON.stringify(value)))
}
