import { join } from 'node:path'
import { isObject, readJsonObject } from '../checkpoint/json.ts'
import { exists, readIndex, singleFile } from '../checkpoint/weights.ts'

const sideFiles = [
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'video_preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.json',
  'chat_template.jinja',
]

/** Of all files of a model, those besides the weights that this package or transformers reads. */
export function neededSideFiles(files: readonly string[]): string[] {
  return files.filter((name) => sideFiles.includes(name))
}

/** What a directory lacks to be loaded, as far as it can tell without the model's site: [] when it is whole. */
export async function missingFiles(directory: string): Promise<string[]> {
  const config = await readJsonObject(join(directory, 'config.json'), 'ERR_CHECKPOINT_CONFIG').catch(() => undefined)
  const vision = isObject(config?.vision_config) ? ['preprocessor_config.json'] : []
  const names = ['config.json', 'tokenizer.json', ...vision, ...(await weightFiles(directory))]
  const there = await Promise.all(names.map((name) => exists(join(directory, name))))
  return names.filter((_, i) => !there[i])
}

async function weightFiles(directory: string): Promise<string[]> {
  if (await exists(join(directory, singleFile))) return []
  const index = await readIndex(directory).catch(() => undefined)
  return index ? [...new Set(index.values())] : [singleFile]
}
