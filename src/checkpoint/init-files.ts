import { copyFile, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { error } from '../errors.ts'
import { byteTokenizer } from './byte-tokenizer.ts'
import { chatTemplate } from './chat-template.ts'
import type { ModelConfig } from './config.ts'
import { isObject, type JsonObject, readJsonObject } from './json.ts'
import { exists } from './weights.ts'
import { writeJson } from './writer.ts'

/** Ids of the tokens a Qwen2.5-VL config names. `undefined` where the tokenizer lacks one. */
export type TokenIds = Record<'bos' | 'eos' | 'image' | 'video' | 'visionStart' | 'visionEnd', number | undefined>

const spellings = {
  bos: '<|endoftext|>',
  eos: '<|im_end|>',
  image: '<|image_pad|>',
  video: '<|video_pad|>',
  visionStart: '<|vision_start|>',
  visionEnd: '<|vision_end|>',
} as const satisfies Record<keyof TokenIds, string>

const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
  'merges.txt',
  'special_tokens_map.json',
  'added_tokens.json',
]
const templateFiles = ['chat_template.jinja', 'chat_template.json']
const processorFiles = ['preprocessor_config.json', 'video_preprocessor_config.json']

/** What `tokenizer` (a directory, by default the byte-level tokenizer) says about the ids, and how many ids it has. */
export async function readTokenizer(tokenizer: string | undefined): Promise<{ ids: TokenIds; size: number }> {
  const file = path.join(tokenizer ?? '', 'tokenizer.json')
  const json = tokenizer ? await readJsonObject(file, 'ERR_TOKENIZER') : byteTokenizer()['tokenizer.json']
  if (!json) throw error('ERR_TOKENIZER', `${file} does not exist (expected a directory with the files of a tokenizer)`)
  const { added_tokens: added, model } = json as JsonObject
  const vocab = isObject(model) && isObject(model.vocab) ? model.vocab : {}
  const all = new Map(Object.entries(vocab) as [string, number][])
  for (const token of Array.isArray(added) ? added : []) {
    if (isObject(token)) all.set(String(token.content), Number(token.id))
  }
  const ids = Object.entries(spellings).map(([name, spelling]) => [name, all.get(spelling)])
  return { ids: Object.fromEntries(ids), size: [...all.values()].reduce((size, id) => Math.max(size, id + 1), 0) }
}

/** Writes tokenizer, chat template, preprocessing and generation settings into `directory`. */
export async function writeSideFiles(
  directory: string,
  config: ModelConfig,
  ids: TokenIds,
  tokenizer: string | undefined,
): Promise<void> {
  const copied = tokenizer ? await copyPresent(tokenizer, directory) : await writeByteTokenizer(directory)
  if (!(await hasTemplate(directory, config))) {
    for (const name of templateFiles) await rm(path.join(directory, name), { force: true })
    await writeJson(path.join(directory, 'chat_template.json'), { chat_template: chatTemplate })
  }
  if (config.vision && !copied.includes('preprocessor_config.json')) {
    await writeJson(path.join(directory, 'preprocessor_config.json'), preprocessing(config.vision))
  }
  await writeJson(path.join(directory, 'generation_config.json'), {
    bos_token_id: ids.bos,
    do_sample: false,
    eos_token_id: [ids.eos, ids.bos],
    pad_token_id: ids.bos,
  })
}

async function copyPresent(from: string, to: string): Promise<string[]> {
  const copied: string[] = []
  for (const name of [...tokenizerFiles, ...templateFiles, ...processorFiles]) {
    if (!(await exists(path.join(from, name)))) continue
    await copyFile(path.join(from, name), path.join(to, name))
    copied.push(name)
  }
  return copied
}

async function writeByteTokenizer(directory: string): Promise<string[]> {
  for (const [name, content] of Object.entries(byteTokenizer())) await writeJson(path.join(directory, name), content)
  return []
}

// The tokenizer of a text-only model brings a template that drops images without a word. Of several templates the first file's counts.
async function hasTemplate(directory: string, { vision }: ModelConfig): Promise<boolean> {
  const jinja = path.join(directory, 'chat_template.jinja')
  const template = (await exists(jinja))
    ? await readFile(jinja, 'utf8')
    : ((await templateIn(path.join(directory, 'chat_template.json'))) ??
      (await templateIn(path.join(directory, 'tokenizer_config.json'))))
  return template !== undefined && (vision === null || template.includes('<|image_pad|>'))
}

// As text: it may be one template or several by name.
async function templateIn(file: string): Promise<string | undefined> {
  const json = await readJsonObject(file, 'ERR_TOKENIZER')
  return json?.chat_template ? JSON.stringify(json.chat_template) : undefined
}

// The released models' limits and CLIP's mean and standard deviation.
function preprocessing(vision: NonNullable<ModelConfig['vision']>): JsonObject {
  return {
    min_pixels: 3136,
    max_pixels: 12845056,
    patch_size: vision.patchSize,
    temporal_patch_size: vision.temporalPatchSize,
    merge_size: vision.spatialMergeSize,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
    image_processor_type: 'Qwen2VLImageProcessor',
    processor_class: 'Qwen2_5_VLProcessor',
  }
}
