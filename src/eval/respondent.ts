import type { Endpoint } from '../judge/index.ts'
import type { DecodeBatch } from '../model/decode-batch.ts'
import type { FinishReason } from '../model/generation.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Message } from '../model/processor/messages.ts'
import { readPreprocessorConfig } from '../model/processor/preprocessor-config.ts'

/** Whatever answers conversations: a checkpoint in the engine, an endpoint, or an object of your own. */
export interface Respondent {
  /** What every record says of it. */
  readonly provenance: Readonly<Record<string, string | number | null>>
  /** The greedy reply. May be called again before the first has come. */
  reply(messages: Message[], options: { maxNewTokens: number; signal?: AbortSignal }): Promise<RespondentReply>
}

export interface RespondentReply {
  text: string
  finishReason: FinishReason
  /** Null where it is not known. */
  promptTokens: number | null
  replyTokens: number | null
}

/**
 * A checkpoint that replies through a running batch, which a conversation joins when another ends. Greedy, with the repetition penalty of its
 * generation_config.json.
 */
export async function batchRespondent(model: VisionLanguageModel, batch: DecodeBatch): Promise<Respondent> {
  const limits = model.config.vision ? (await readPreprocessorConfig(model.directory))?.image : undefined
  return {
    provenance: {
      dtype: model.dtype,
      device: model.device,
      temperature: 0,
      repetition_penalty: model.generationConfig.repetitionPenalty,
      processor_min_pixels: limits?.minPixels ?? null,
      processor_max_pixels: limits?.maxPixels ?? null,
    },
    async reply(messages, options) {
      const { text, finishReason, promptTokenIds, tokenIds } = await batch.add(messages, { temperature: 0, ...options })
      return { text, finishReason, promptTokens: promptTokenIds.length, replyTokens: tokenIds.length }
    },
  }
}

/** A model behind an interface like OpenAI's, greedy too; how it treats images is its own affair. */
export function endpointRespondent({ url, model, chat }: Endpoint): Respondent {
  return {
    provenance: { endpoint: url, endpoint_model: model, temperature: 0 },
    reply: (messages, { maxNewTokens, signal }) => chat(messages, { maxTokens: maxNewTokens, signal }),
  }
}
