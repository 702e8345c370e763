import { Command, Option } from 'commander'
import { FrankentorchError } from '../errors.ts'
import type { Reply } from '../model/generation.ts'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Message } from '../model/processor/messages.ts'
import { interruption } from './interrupt.ts'
import { conversation, type PromptOptions } from './messages.ts'
import { type ModelOptions, withModel } from './model.ts'
import { collect, deviceOption, dtypeOption, integer, jsonOption, modelOption, number } from './options.ts'

interface SamplingOptions {
  maxNewTokens: number
  temperature: number
  topP: number
  topK: number
  repetitionPenalty?: number
  seed: number
}

type GenerateOptions = ModelOptions & PromptOptions & SamplingOptions & { json?: boolean }

/** `frankentorch generate`: one reply, streamed to stdout. */
export function generateCommand(): Command {
  const alone = (option: Option) => option.conflicts('messages')
  return new Command('generate')
    .description('reply to a prompt with images')
    .addOption(modelOption())
    .addOption(alone(new Option('--image <file>', 'image before the text; repeatable').argParser(collect)))
    .addOption(alone(new Option('--prompt <text>', 'the question, as it stands')))
    .addOption(alone(new Option('--system <text>', "system message (default: the chat template's)")))
    .option('--messages <file>', 'JSON list of messages instead, for several turns or images between text')
    .option('--max-new-tokens <n>', 'longest reply', integer(1), 128)
    .option('--temperature <t>', '0 is greedy', number({ min: 0 }), 0)
    .option('--top-p <p>', 'sample from the likeliest tokens of this mass', number({ min: 0, above: true, max: 1 }), 1)
    .option('--top-k <k>', 'sample from so many tokens; 0 is all', integer(0), 0)
    .option(
      '--repetition-penalty <r>',
      "above 1 discourages (default: generation_config.json's)",
      number({ min: 0, above: true }),
    )
    .addOption(alone(new Option('--min-pixels <n>', 'enlarge smaller images').argParser(integer(1))))
    .addOption(alone(new Option('--max-pixels <n>', 'shrink larger images').argParser(integer(1))))
    .option('--seed <n>', 'of sampling', integer(0), 0)
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch generate --model Qwen2.5-VL-3B-Instruct --image figure.png --prompt "What is x?"',
    )
    .action(generate)
}

async function generate(options: GenerateOptions, command: Command): Promise<void> {
  const messages = await conversation(options)
  const { maxNewTokens, temperature, topP, topK, repetitionPenalty, seed } = options
  const sampling = { maxNewTokens, temperature, topP, topK, repetitionPenalty, seed, signal: interruption }
  await withModel(command.optsWithGlobals(), (model, loadS) =>
    options.json ? printJson(model, messages, sampling, loadS) : printText(model, messages, sampling),
  )
}

type Sampling = SamplingOptions & { signal: AbortSignal }

async function printText(model: VisionLanguageModel, messages: Message[], sampling: Sampling): Promise<void> {
  try {
    for await (const piece of model.stream(messages, sampling)) process.stdout.write(piece)
  } finally {
    process.stdout.write('\n')
  }
}

async function printJson(
  model: VisionLanguageModel,
  messages: Message[],
  sampling: Sampling,
  loadS: number,
): Promise<void> {
  const { text, tokenIds, promptTokenIds, finishReason, timings } = await model
    .generate(messages, sampling)
    .catch(abortedReply)
  const { visionS, prefillS, decodeS, decodeTokensPerS } = timings
  const reply = {
    text,
    token_ids: tokenIds,
    prompt_token_ids: promptTokenIds,
    finish_reason: finishReason,
    timings: {
      load_s: loadS,
      vision_s: visionS,
      prefill_s: prefillS,
      decode_s: decodeS,
      decode_tokens_per_s: decodeTokensPerS,
    },
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}

// What an interrupted generation had until then is a result too: `finish_reason` says what became of it.
function abortedReply(thrown: unknown): Reply {
  if (thrown instanceof FrankentorchError && 'reply' in thrown) return thrown.reply as Reply
  throw thrown
}
