import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { check } from '../check.ts'
import { error, messageOf } from '../errors.ts'
import { type Role, roles } from '../report/manifest.ts'
import { floatingDtypes } from '../tensor/dtype.ts'

/** Names in tables and folders of the study. */
const name = z.string().regex(/^\w[\w.+-]*$/, 'a name of letters, digits, . + - and _')
const count = z.int().min(1)

const Model = z.union([
  z.string().min(1),
  z.strictObject({
    /** A checkpoint directory, or a name on the Hub. */
    path: z.string().min(1),
    role: z.enum(roles),
  }),
])

const chosen = z.array(name).min(1).optional()

/**
 * What a study does, as `study.yaml` has it in snake_case. A stage whose data is not given is left out; by default a probe looks at IN and RL (or at every
 * model where these are not), and the evaluation asks every model and every splice.
 */
export const StudyConfig = z.strictObject({
  title: z.string().min(1).default('Frankenstein analysis'),
  /** What a reader of the report must know, a sentence each. */
  notes: z.array(z.string()).default([]),
  /** By name: a path, or a path and a role. Names `Base`, `IN`, `RL`, `RL-frozen-early`, `-middle` and `-late` have their role. */
  models: z.record(name, Model),
  device: z.string().default('cpu'),
  dtype: z.enum(floatingDtypes).optional(),
  /** Of the drawing of questions. */
  seed: z.int().min(0).default(123),
  /** First layer of the middle and of the late third. */
  layerCuts: z.tuple([z.int().min(0), z.int().min(0)]).optional(),
  /** Visual-token swap over `<task>/data.jsonl`. */
  vision: z
    .strictObject({
      data: z.string(),
      models: chosen,
      tasks: z.array(z.string()).optional(),
      samples: count.optional(),
      maxNewTokens: count.default(64),
    })
    .optional(),
  /** Zero ablation over questions without images. */
  reasoning: z
    .strictObject({
      data: z.string(),
      models: chosen,
      dataset: z.enum(['math500', 'gsm8k', 'generic']).default('gsm8k'),
      layers: z.array(z.int().min(0)).min(1).optional(),
      samples: count.default(100),
      promptStyle: z.enum(['reasoner', 'revisual', 'boxed', 'plain']).optional(),
      maxNewTokens: count.default(2048),
    })
    .optional(),
  /** Attention on the image, over the same pairs as the swap. */
  attention: z
    .strictObject({
      data: z.string(),
      models: chosen,
      tasks: z.array(z.string()).min(1).optional(),
      samples: count.optional(),
      maxNewTokens: count.default(64),
    })
    .optional(),
  /** Energy and spectrum of Base → IN → RL. */
  compare: z
    .strictObject({
      energy: z.boolean().default(true),
      spectrum: z.boolean().default(true),
      component: z.string().default('down_proj'),
    })
    .prefault({}),
  /** The six splices of the paper, or others by name; `false` for none. */
  splices: z.union([z.boolean(), z.record(name, z.string().min(1))]).default(true),
  /** Keep the spliced checkpoints once they are evaluated. */
  keepSplices: z.boolean().default(false),
  evaluation: z
    .strictObject({
      tasks: z.array(z.string()).min(1),
      data: z.string().optional(),
      models: chosen,
      set: z.enum(['v1', 'v2', 'world']).optional(),
      samples: count.optional(),
      maxNewTokens: count.default(2048),
      batch: count.default(8),
    })
    .optional(),
})
export type StudyConfig = z.output<typeof StudyConfig>
export type StudyConfigInput = z.input<typeof StudyConfig>

/** The paper's six, by names that say which thirds come from where. */
export const sixSplices: Readonly<Record<string, string>> = {
  'IN1+RL2': 'IN early 1/3 + RL late 2/3',
  'RL1+IN2': 'RL early 1/3 + IN late 2/3',
  'IN2+RL1': 'IN early 2/3 + RL late 1/3',
  'RL2+IN1': 'RL early 2/3 + IN late 1/3',
  'IN+RL+IN': 'IN early 1/3 + RL middle 1/3 + IN late 1/3',
  'RL+IN+RL': 'RL early 1/3 + IN middle 1/3 + RL late 1/3',
}

/** Reads a study from YAML; paths in it are relative to the file. Throws `ERR_DATA`, or `ERR_INVALID_ARGUMENT` that names the field. */
export async function readStudy(file: string): Promise<StudyConfig> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw error('ERR_DATA', `Cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  let written: unknown
  try {
    written = parse(text)
  } catch (cause) {
    throw error('ERR_DATA', `${file} is no YAML: ${messageOf(cause)}`, { cause })
  }
  const config = check(StudyConfig, camelCase(written), file)
  const from = (path: string) => (isAbsolute(path) ? path : join(dirname(file), path))
  const { vision, reasoning, attention, evaluation } = config
  for (const stage of [vision, reasoning, attention]) if (stage) stage.data = from(stage.data)
  if (evaluation?.data !== undefined) evaluation.data = from(evaluation.data)
  const models = Object.entries(config.models).map(([name, model]) => {
    const { path, role } = typeof model === 'string' ? { path: model, role: roleOfName(name) } : model
    // what looks like a name on the Hub and is no folder here stays a name
    return [name, { path: path.startsWith('.') || path.endsWith('/') ? from(path) : path, role }] as const
  })
  return { ...config, models: Object.fromEntries(models) }
}

/** The role that a model's name gives it. */
export function roleOfName(name: string): Role {
  const plain = name.toLowerCase().replace(/[-_. ]+/g, '-')
  if (plain === 'base') return 'base'
  if (['in', 'sft', 'coldstart'].includes(plain)) return 'in'
  if (['rl', 'final'].includes(plain)) return 'rl'
  const frozen = /frozen-(early|mid|middle|late)$/.exec(plain)?.[1]
  if (frozen === 'early' || frozen === 'late') return `frozen-${frozen}`
  return frozen === undefined ? 'other' : 'frozen-middle'
}

// Names of models and splices are the user's, whatever their case.
function camelCase(value: unknown, keep = false): unknown {
  if (Array.isArray(value)) return value.map((inner) => camelCase(inner))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      keep ? key : key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camelCase(inner, key === 'models' || key === 'splices'),
    ]),
  )
}
