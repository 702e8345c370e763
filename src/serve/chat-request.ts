import { z } from 'zod'
import { check } from '../check.ts'
import { FrankentorchError } from '../errors.ts'
import { checkMessages, type Message } from '../model/processor/messages.ts'
import { RequestError } from './failure.ts'

/** A chat completion as it was asked for, in our terms. */
export interface ChatRequest {
  model: string
  messages: Message[]
  /** Undefined: as many as the server allows. */
  maxNewTokens?: number
  sampling: { temperature: number; topP: number; topK: number; repetitionPenalty?: number; seed: number }
  stop: string[]
  stream: boolean
  includeUsage: boolean
}

const nullable = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)
const tokens = nullable(z.int().min(1))

// Fields that change the reply and that we cannot honour are refused, unless they say what we do anyway.
const Body = z.object({
  model: z.string().min(1),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  temperature: nullable(z.number().min(0).max(2)),
  top_p: nullable(z.number().gt(0).max(1)),
  seed: nullable(z.int().min(0)),
  stop: nullable(z.union([z.string().min(1), z.array(z.string().min(1)).max(16)])),
  stream: nullable(z.boolean()),
  stream_options: nullable(z.looseObject({ include_usage: nullable(z.boolean()) })),
  n: nullable(z.literal(1)),
  logprobs: nullable(z.literal(false)),
  presence_penalty: nullable(z.literal(0)),
  frequency_penalty: nullable(z.literal(0)),
  response_format: nullable(z.looseObject({ type: z.literal('text') })),
  tools: nullable(z.array(z.unknown()).max(0)),
  functions: nullable(z.array(z.unknown()).max(0)),
  modalities: nullable(z.tuple([z.literal('text')])),
  // Not OpenAI's; spelled as other servers of open models spell them.
  top_k: nullable(z.int().min(0)),
  repetition_penalty: nullable(z.number().gt(0)),
})

/** Checks the body of a chat completion. Throws a 400 that names the field. */
export function chatRequest(body: unknown): ChatRequest {
  const fields = checkField(() => check(Body, body, 'body'))
  const { temperature = 0, top_p = 1, top_k = 0, seed = 0, repetition_penalty, stop } = fields
  return {
    model: fields.model,
    messages: checkField(() => checkMessages(fields.messages.map(messageOf))),
    maxNewTokens: fields.max_completion_tokens ?? fields.max_tokens,
    sampling: { temperature, topP: top_p, topK: top_k, repetitionPenalty: repetition_penalty, seed },
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    stream: fields.stream ?? false,
    includeUsage: fields.stream_options?.include_usage ?? false,
  }
}

// What a message may have besides its role and content (a name, a refusal) has no place in the chat template.
function messageOf({ role, content }: { role: string; content: unknown }): unknown {
  return { role: role === 'developer' ? 'system' : role, content: content ?? '' }
}

function checkField<Result>(parse: () => Result): Result {
  try {
    return parse()
  } catch (thrown) {
    if (!(thrown instanceof FrankentorchError)) throw thrown
    const param = / for (?:body\.)?([\w.[\]]+) but received/.exec(thrown.message)?.[1] ?? null
    throw new RequestError(400, thrown.message, { code: 'invalid_value', param })
  }
}
