import { access, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { check } from '../../check.ts'
import { wordTokenizer } from '../../checkpoint/byte-tokenizer.ts'
import { initCheckpoint } from '../../checkpoint/init.ts'
import { readRecords } from '../../data/record.ts'
import { world } from '../../data/world/index.ts'
import { VisionLanguageModel } from '../../model/model.ts'
import type { Progress } from '../../run/progress.ts'
import { openRun, type Run } from '../../run/run.ts'
import { grpo } from '../grpo.ts'
import type { Metrics } from '../options.ts'
import { sft } from '../sft.ts'
import { tinyConfig } from './config.ts'
import { type ColdStart, type Preset, presetNames, presets } from './presets.ts'

/** The models of the analysis, in the order in which they are trained; `rl-early` is RL with the early third frozen. */
export const stages = ['base', 'in', 'rl', 'rl-early', 'rl-middle', 'rl-late'] as const
export type Stage = (typeof stages)[number]

const isFunction = (value: unknown) => typeof value === 'function'
const TinyWorldOptions = z.strictObject({
  /** Directory of the world, the models and everything between. */
  out: z.string().min(1),
  /** How long and on what: by name, or your own. */
  preset: z
    .union([z.enum(presetNames), z.custom<Preset>((value) => typeof value === 'object' && value !== null, 'a preset')])
    .default('default'),
  /** Of the world, the first weights, the order of the data and the replies of reinforcement learning. */
  seed: z.int().min(0).default(0),
  /** What to train; the stages that these start from are trained with them. Default all. */
  stages: z
    .array(z.enum(stages))
    .min(1)
    .default([...stages]),
  overwrite: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(progress: TinyWorldProgress) => void>(isFunction, 'a function').optional(),
  onMetrics: z.custom<(stage: Stage, metrics: Metrics) => void>(isFunction, 'a function').optional(),
})
export type TinyWorldOptions = z.input<typeof TinyWorldOptions>
type Checked = z.output<typeof TinyWorldOptions>

export interface TinyWorldProgress extends Progress {
  /** `world`: samples drawn; a stage: optimizer steps. */
  stage: 'world' | Stage
}

export interface TinyWorld {
  /** World directory: `test.jsonl` is held out, `swap/` has the pairs of the vision probe. */
  world: string
  /** Checkpoint directories; `init` has the random weights that Base starts from. */
  checkpoints: { init: string } & Partial<Record<Stage, string>>
  /** What was trained, and how long. */
  preset: Preset
}

/**
 * The three models of arXiv 2602.12395 on the tiny world, from nothing: Base learns to describe and to answer, IN to think before it answers, RL by verifiable
 * rewards from IN, with nothing or one third of the decoder frozen. The figures of these models say something about the tiny world only.
 *
 * A call with the same options continues where an earlier one stopped, with the same result. Rejects with `ERR_RUN_MISMATCH` where `out` was made with others, and as `world`,
 * `initCheckpoint`, `sft` and `grpo` do.
 */
export async function tinyWorld(options: TinyWorldOptions): Promise<TinyWorld> {
  const checked = check(TinyWorldOptions, options)
  const { out, seed, overwrite } = checked
  const preset = typeof checked.preset === 'string' ? presets[checked.preset] : checked.preset
  await using run = await openRun({
    out,
    overwrite,
    command: 'tiny-world',
    arguments: { preset: preset as unknown as Record<string, z.core.util.JSONType>, seed },
  })
  await drawWorld(run, preset, checked)
  await initModel(run, checked)
  const checkpoints: TinyWorld['checkpoints'] = { init: join(out, 'init') }
  for (const stage of needed(checked.stages)) {
    await run.addOutput(stage)
    await trainStage(stage, preset, checked)
    checkpoints[stage] = checkpointOf(out, stage)
  }
  return { world: join(out, 'world'), checkpoints, preset }
}

/** Where a stage leaves its model. */
export function checkpointOf(out: string, stage: Stage): string {
  return join(out, stage, 'last')
}

function needed(wanted: readonly Stage[]): Stage[] {
  const beyond = (stage: Stage) => wanted.some((other) => stages.indexOf(other) > stages.indexOf(stage))
  return stages.filter((stage) => wanted.includes(stage) || ((stage === 'base' || stage === 'in') && beyond(stage)))
}

async function drawWorld(run: Run, preset: Preset, { out, seed, signal, onProgress }: Checked): Promise<void> {
  const directory = join(out, 'world')
  if (await exists(directory)) return
  await run.addOutput('world')
  await world({
    ...preset.world,
    out: directory,
    seed,
    signal,
    onProgress: ({ done, total }) => onProgress?.({ stage: 'world', done, total, failed: 0 }),
  })
}

// Every word of the world is one token: a question, its image and the reply are 45 tokens instead of 150 bytes.
async function initModel(run: Run, { out, seed, signal }: Checked): Promise<void> {
  const directory = join(out, 'init')
  if (await exists(directory)) return
  await run.addOutput('tokenizer')
  await run.addOutput('init')
  const tokenizer = join(out, 'tokenizer')
  const files = wordTokenizer(await texts(join(out, 'world')))
  await mkdir(tokenizer, { recursive: true })
  for (const [name, contents] of Object.entries(files)) await writeFile(join(tokenizer, name), JSON.stringify(contents))
  const config = tinyConfig(vocabSize(files))
  await initCheckpoint({ config, tokenizer, seed, dtype: 'float32', out: directory, signal })
}

async function texts(world: string): Promise<string[]> {
  const found = ['system\n', 'user\n', 'assistant\n']
  for (const file of ['train.base.jsonl', 'train.sft.jsonl']) {
    for await (const { messages } of readRecords(join(world, file), { images: false })) {
      for (const { content } of messages) {
        if (typeof content === 'string') found.push(content)
        else found.push(...content.flatMap((part) => (part.type === 'text' ? [part.text] : [])))
      }
    }
  }
  return found
}

// Rows of the embedding in multiples of 32, as those of released models are padded.
function vocabSize({ 'tokenizer.json': tokenizer }: ReturnType<typeof wordTokenizer>): number {
  const { model, added_tokens: added } = tokenizer as { model: { vocab: object }; added_tokens: unknown[] }
  return Math.ceil((Object.keys(model.vocab).length + added.length) / 32) * 32
}

// Frozen in every RL: what a few dozen noisy steps would do to eyes that have just learnt to see costs more than they can gain.
const eyes = ['vision', 'projector', 'embeddings']

async function trainStage(stage: Stage, preset: Preset, options: Checked): Promise<void> {
  const { out, seed, signal, onProgress, onMetrics } = options
  const from = stage === 'base' ? join(out, 'init') : checkpointOf(out, stage === 'in' ? 'base' : 'in')
  await using model = await VisionLanguageModel.load(from, { dtype: 'float32', signal })
  const common = {
    out: join(out, stage),
    seed,
    signal,
    onProgress: (progress: Progress) => onProgress?.({ stage, ...progress }),
    onMetrics: (metrics: Metrics) => onMetrics?.(stage, metrics),
  }
  const data = (name: string) => join(out, 'world', `train.${name}.jsonl`)
  if (stage === 'base') await sft(model, { ...common, ...coldStart(preset.base), data: data('base') })
  else if (stage === 'in') await sft(model, { ...common, ...coldStart(preset.in), data: data('sft') })
  else {
    const { steps, batch, group, lr, maxNewTokens } = preset.rl
    const freeze = [...eyes, ...(stage === 'rl' ? [] : [stage.slice('rl-'.length)])]
    const policy = { loss: 'gspo', lrSchedulerType: 'cosine', warmupSteps: 5, weightDecay: 0, saveSteps: 50 } as const
    await grpo(model, { ...common, ...policy, steps, batch, group, lr, maxNewTokens, freeze, data: data('grpo') })
  }
}

function coldStart({ steps, batch, lr }: ColdStart) {
  return { steps, batch, lr, saveSteps: 500 }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
