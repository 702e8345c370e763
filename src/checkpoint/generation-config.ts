import path from 'node:path'
import type { ModelConfig } from './config.ts'
import { fieldsOf } from './fields.ts'
import { readJsonObject } from './json.ts'

/** What generation takes from `generation_config.json`. */
export interface GenerationConfig {
  /** Any of them ends a reply. */
  eosTokenIds: number[]
  bosTokenId: number | null
  padTokenId: number | null
  /** 1 leaves the logits alone; the released models have 1.05. */
  repetitionPenalty: number
  /** Fields of the file that have no effect: generation is greedy unless the caller asks otherwise. */
  ignored: string[]
}

const sampling = [
  'do_sample',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'typical_p',
  'max_length',
  'max_new_tokens',
  'num_beams',
]

/** Reads `generation_config.json`. Where the file is missing the ids of config.json hold, as in transformers. */
export async function readGenerationConfig(
  directory: string,
  config: Pick<ModelConfig, 'bosTokenId' | 'eosTokenIds' | 'padTokenId'>,
): Promise<GenerationConfig> {
  const file = path.join(directory, 'generation_config.json')
  const json = await readJsonObject(file, 'ERR_CHECKPOINT_CONFIG')
  if (!json) {
    const { bosTokenId, eosTokenIds, padTokenId } = config
    return { eosTokenIds, bosTokenId, padTokenId, repetitionPenalty: 1, ignored: [] }
  }
  const fields = fieldsOf(file, [{ object: { repetition_penalty: 1, ...json }, prefix: '' }])
  return {
    eosTokenIds: fields.tokenIds('eos_token_id'),
    bosTokenId: fields.tokenIds('bos_token_id')[0] ?? null,
    padTokenId: fields.tokenIds('pad_token_id')[0] ?? null,
    repetitionPenalty: json.repetition_penalty === null ? 1 : fields.number('repetition_penalty', 1e-3, 1e3),
    ignored: sampling.filter((name) => json[name] !== undefined && json[name] !== null),
  }
}
