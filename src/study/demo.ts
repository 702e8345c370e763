import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { writeAtomic } from '../run/files.ts'
import {
  checkpointOf,
  type Preset,
  type PresetName,
  presetNames,
  type Stage,
  stages,
  tinyWorld,
} from '../train/tiny-world/index.ts'
import { StudyConfig, sixSplices } from './config.ts'
import type { Item, StudyModel } from './item.ts'
import { analysisItems, splicesOf } from './items.ts'
import { claimDirectory, plain, runItems, StudyOptions, type StudyResult, writeManifest } from './study.ts'

const DemoOptions = StudyOptions.omit({ shard: true }).extend({
  /** How long the models are trained, and over how many questions they are measured. */
  preset: z
    .union([
      z.enum(presetNames),
      z.custom<DemoPreset>((value) => typeof value === 'object' && value !== null, 'a preset'),
    ])
    .default('default'),
  /** Of the world, the first weights, the order of the data and the replies of reinforcement learning. */
  seed: z.int().min(0).default(0),
})
export type DemoOptions = z.input<typeof DemoOptions>
/** Models of the demo by the stage that trains them, as tables call them. */
const trained: Record<Stage, Pick<StudyModel, 'name' | 'role'>> = {
  base: { name: 'Base', role: 'base' },
  in: { name: 'IN', role: 'in' },
  rl: { name: 'RL', role: 'rl' },
  'rl-early': { name: 'RL-frozen-early', role: 'frozen-early' },
  'rl-middle': { name: 'RL-frozen-middle', role: 'frozen-middle' },
  'rl-late': { name: 'RL-frozen-late', role: 'frozen-late' },
}

/** How long to train, and over how much to measure. */
export interface DemoPreset {
  training: PresetName | Preset
  /** Pairs of a task of the image swap. */
  pairs: number
  /** Questions of the ablation. */
  ablated: number
  /** Pairs of a task whose attention is measured. */
  attended: number
  /** Questions of a metric or benchmark. */
  asked: number
}

const presets: Record<PresetName, DemoPreset> = {
  quick: { training: 'quick', pairs: 10, ablated: 30, attended: 5, asked: 60 },
  default: { training: 'default', pairs: 40, ablated: 100, attended: 20, asked: 150 },
  thorough: { training: 'thorough', pairs: 100, ablated: 300, attended: 50, asked: 400 },
}

// Estimates for the default preset on two cores; only the ratios count, and a stage's own pace takes over once it runs.
const seconds: Record<Stage, number> = { base: 185, in: 56, rl: 41, 'rl-early': 41, 'rl-middle': 41, 'rl-late': 41 }

/**
 * The whole analysis with nothing at hand: trains Base, IN and RL on the tiny world, and RL with each third of the decoder frozen, and then does to them
 * what `study` does to checkpoints. Called again it continues. Rejects as `tinyWorld` and `study` do.
 */
export async function demo(options: DemoOptions): Promise<StudyResult> {
  const { preset: named, seed, ...checked } = check(DemoOptions, options)
  const preset = typeof named === 'string' ? presets[named] : named
  const out = resolve(checked.out)
  const models = stages.map((stage): StudyModel => {
    return { ...trained[stage], folder: stage, directory: checkpointOf(join(out, 'train'), stage) }
  })
  const config = settings(preset, out, models)
  const splices = splicesOf(config, sixSplices, out)
  await claimDirectory({
    out,
    overwrite: checked.overwrite,
    command: 'demo',
    arguments: { preset: plain(preset), seed },
  })
  await writeManifest(out, { kind: 'tiny-world', title: config.title, notes: notes(named, seed), random: [] }, [
    ...models,
    ...splices,
  ])
  const items = [
    ...trainingItems(out, preset.training, seed),
    questions(out),
    ...analysisItems({ config, models, splices }),
  ]
  return runItems(items, checked)
}

function settings(
  { pairs, ablated, attended, asked }: DemoPreset,
  out: string,
  models: readonly StudyModel[],
): StudyConfig {
  const world = join(out, 'train', 'world')
  return check(StudyConfig, {
    title: 'The tiny world: what reinforcement learning changed, and where',
    models: Object.fromEntries(models.map(({ name, role, directory }) => [name, { path: directory, role }])),
    dtype: 'float32',
    vision: { data: join(world, 'swap'), samples: pairs, maxNewTokens: 40 },
    reasoning: {
      data: join(out, questionsItem, questionsFile),
      dataset: 'generic',
      samples: ablated,
      promptStyle: 'plain',
      maxNewTokens: 40,
    },
    attention: { data: join(world, 'swap'), samples: attended, maxNewTokens: 40 },
    evaluation: { tasks: ['world'], data: world, samples: asked, maxNewTokens: 40, batch: 64 },
    keepSplices: true,
  })
}

function notes(preset: PresetName | DemoPreset, seed: number): string[] {
  const how = typeof preset === 'string' ? `the preset '${preset}'` : 'a preset of its own'
  return [
    `Trained from nothing with ${how} and seed ${seed}. One training run of each model: another seed may order them differently.`,
    'TinyVista, TinyVision and TinyVerse are questions about drawn images in the places of MathVista, MathVision and MathVerse.',
  ]
}

const questionsItem = 'questions'
const questionsFile = 'reasoning.jsonl'

/** The held-out questions that have no image, which the ablation asks. */
function questions(out: string): Item {
  return {
    id: questionsItem,
    label: 'choosing questions without an image',
    cost: 0,
    run: async (context) => {
      const text = await readFile(join(out, 'train', 'world', 'test.jsonl'), 'utf8')
      const lines = text.split('\n').filter((line) => line !== '' && JSON.parse(line).family === 'reasoning')
      await writeAtomic(join(context.out, questionsFile), `${lines.join('\n')}\n`)
    },
  }
}

function trainingItems(out: string, preset: PresetName | Preset, seed: number): Item[] {
  return stages.map((stage) => ({
    id: `train/${stage}`,
    label: `training ${trained[stage].name}`,
    cost: seconds[stage],
    run: async ({ signal, onProgress }) => {
      await tinyWorld({
        out: join(out, 'train'),
        preset,
        seed,
        stages: [stage],
        signal,
        onProgress: ({ stage: now, done, total }) => now === stage && onProgress(done, total),
      })
    },
  }))
}
