import { Command, Option } from 'commander'
import type { VisionLanguageModel } from '../model/model.ts'
import type { Message } from '../model/processor/messages.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { interruption } from './interrupt.ts'
import { conversation, type PromptOptions } from './messages.ts'
import { type ModelOptions, withModel } from './model.ts'
import { collect, deviceOption, dtypeOption, integer, jsonOption, list, modelOption } from './options.ts'
import { table } from './table.ts'

type CaptureOptions = ModelOptions & PromptOptions & { points: string[]; out: string; json?: boolean }

/** `frankentorch capture`: what flows through the named points of one forward pass, as a safetensors file. */
export function captureCommand(): Command {
  const alone = (option: Option) => option.conflicts('messages')
  return new Command('capture')
    .description('write what flows through points of the model over a prompt')
    .addOption(modelOption())
    .addOption(alone(new Option('--image <file>', 'image before the text; repeatable').argParser(collect)))
    .addOption(alone(new Option('--prompt <text>', 'the question, as it stands')))
    .addOption(alone(new Option('--system <text>', "system message (default: the chat template's)")))
    .option('--messages <file>', 'JSON list of messages instead')
    .requiredOption('--points <selectors>', 'such as language_model.layers.*,visual.merger', list)
    .addOption(alone(new Option('--min-pixels <n>', 'enlarge smaller images').argParser(integer(1))))
    .addOption(alone(new Option('--max-pixels <n>', 'shrink larger images').argParser(integer(1))))
    .requiredOption('--out <file>', 'safetensors file; logits, input_ids and position_ids are in it too')
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch capture --model Qwen2.5-VL-3B-Instruct --image figure.png --prompt "What is x?" ' +
        '--points "language_model.layers.*" --out states.safetensors',
    )
    .action(capture)
}

async function capture(options: CaptureOptions, command: Command): Promise<void> {
  const messages = await conversation(options)
  const tensors = await withModel(command.optsWithGlobals(), (model) => captureTensors(model, messages, options.points))
  const { writeSafetensors } = await import('../checkpoint/writer.ts')
  const specs = Object.entries(tensors).map(([storedName, { dtype, shape }]) => ({
    storedName,
    dtype,
    shape: [...shape],
  }))
  await writeSafetensors(options.out, specs, ({ storedName }) => bytesOf(tensors[storedName]!), {
    signal: interruption,
  })
  print(specs, options)
}

/** One forward pass over the prompt: every point with a batch axis of 1, and what went in. */
async function captureTensors(
  model: VisionLanguageModel,
  messages: Message[],
  points: string[],
): Promise<Record<string, Tensor>> {
  const { tensor } = await import('../tensor/tensor.ts')
  const inputs = await model.processor.prepare(messages, { signal: interruption })
  const { logits, positionIds, captured } = await model.forward(inputs, { capture: points, signal: interruption })
  const ids = inputs.inputIds[0]!
  const inputIds = tensor(BigInt64Array.from(ids, BigInt), [1, ids.length], 'int64')
  return { logits, input_ids: inputIds, position_ids: positionIds, ...captured }
}

async function* bytesOf(tensor: Tensor): AsyncIterable<Uint8Array> {
  yield await tensor.bytes()
}

function print(
  specs: readonly { storedName: string; dtype: string; shape: number[] }[],
  { out, json }: CaptureOptions,
): void {
  if (json) {
    const tensors = Object.fromEntries(specs.map(({ storedName, dtype, shape }) => [storedName, { dtype, shape }]))
    process.stdout.write(`${JSON.stringify({ out, tensors })}\n`)
    return
  }
  const rows = specs.map(({ storedName, dtype, shape }) => [`[${shape.join(', ')}]`, dtype, storedName])
  process.stdout.write(`${table(rows)}\n${out}\n`)
}
