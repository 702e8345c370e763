import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { error, messageOf } from '../errors.ts'
import type { ServeOptions } from '../serve/index.ts'
import { interruption } from './interrupt.ts'
import { type ModelOptions, withModel } from './model.ts'
import { deviceOption, dtypeOption, integer, jsonOption, modelOption } from './options.ts'
import { openTerminal } from './terminal.ts'

type Options = ModelOptions & Omit<ServeOptions, 'apiKeys'> & { apiKeyFile?: string; json?: boolean }

/** `frankentorch serve`: a checkpoint behind OpenAI's API. */
export function serveCommand(): Command {
  return new Command('serve')
    .description("serve a checkpoint as OpenAI's API does, until interrupted")
    .addOption(modelOption())
    .option('--host <address>', 'where to listen; anything but loopback needs --api-key-file', '127.0.0.1')
    .option('--port <n>', '0 takes a free one', integer(0), 8000)
    .option('--api-key-file <file>', 'file of keys, one a line, of which a request must have one')
    .option('--name <name>', "what requests call the model (default: its directory's name)")
    .option('--max-rows <n>', 'requests that decode together', integer(1), 32)
    .option('--max-queue <n>', 'requests that wait beyond those; the next is refused', integer(0), 64)
    .option('--max-new-tokens <n>', 'most tokens of a reply, and those of a request that names none', integer(1), 1024)
    .option('--max-body-bytes <n>', 'largest request', integer(1), 32 * 2 ** 20)
    .option('--max-image-pixels <n>', 'largest image after decoding', integer(1), 33_554_432)
    .option('--allow-http-images', 'fetch images from http(s) URLs that a request names')
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch serve --model Qwen2.5-VL-3B-Instruct --port 8000')
    .action(serveModel)
}

async function serveModel(options: Options, command: Command): Promise<void> {
  const { model: _model, device: _device, dtype: _dtype, apiKeyFile, json, ...rest } = options
  const apiKeys = apiKeyFile === undefined ? [] : await readKeys(apiKeyFile)
  const terminal = await openTerminal(command.optsWithGlobals())
  const { serve } = await import('../serve/index.ts')
  await withModel(command.optsWithGlobals(), async (model) => {
    const server = await serve(model, { ...rest, apiKeys })
    const { url, name } = server
    process.stdout.write(json ? `${JSON.stringify({ url, model: name })}\n` : `${name} at ${url}\n`)
    await new Promise((resolve) => {
      if (interruption.aborted) resolve(undefined)
      interruption.addEventListener('abort', resolve, { once: true })
    })
    if (server.running + server.waiting > 0) terminal.note(`${server.running + server.waiting} replies are finishing`)
    await server.close()
  })
}

async function readKeys(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw error('ERR_INVALID_ARGUMENT', `Cannot read --api-key-file ${file}: ${messageOf(cause)}`, { cause })
  })
  const keys = text.split('\n').map((line) => line.trim())
  const given = keys.filter((key) => key !== '')
  if (given.length > 0) return given
  throw error('ERR_INVALID_ARGUMENT', `Expected a key on a line of --api-key-file ${file} but it is empty`)
}
