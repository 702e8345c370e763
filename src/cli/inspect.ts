import { Command } from 'commander'
import type { Inspection } from '../checkpoint/inspect.ts'
import { type ErrorCode, error } from '../errors.ts'
import { modelDirectory } from './model.ts'
import { jsonOption } from './options.ts'
import { snakeCase } from './snake-case.ts'
import { table } from './table.ts'

/** `frankentorch inspect`: what a checkpoint holds, from its headers. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('describe a checkpoint: architecture, parameters by block, files, problems')
    .argument('<model>', 'checkpoint directory, or org/name[@revision] on the Hugging Face Hub')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch inspect Qwen2.5-VL-3B-Instruct')
    .action(inspect)
}

async function inspect(model: string, options: { json?: boolean }, command: Command): Promise<void> {
  const { inspectCheckpoint } = await import('../checkpoint/inspect.ts')
  const { quiet } = command.optsWithGlobals<{ quiet?: boolean }>()
  const inspection = await inspectCheckpoint(await modelDirectory({ model, quiet }))
  process.stdout.write(`${options.json ? JSON.stringify(snakeCase(inspection), null, 2) : describe(inspection)}\n`)
  const [problem] = inspection.problems
  if (problem) throw error(problem.code as ErrorCode, problem.message)
}

function describe({ config, layout, shards, blocks, ...rest }: Inspection): string {
  const { vision } = config
  const present = (is: boolean, name: string) => `${name} ${is ? 'present' : 'missing'}`
  const lines = [
    rest.directory,
    config.architecture,
    `decoder: ${config.numHiddenLayers} layers of ${config.hiddenSize}, ${config.numAttentionHeads} heads (${config.numKeyValueHeads} for keys and values), vocabulary ${config.vocabSize}`,
    vision &&
      `vision: ${vision.depth} blocks of ${vision.hiddenSize}, ${vision.numHeads} heads, patches of ${vision.patchSize} pixels`,
    `parameters: ${rest.parameters.toLocaleString('en')} in ${rest.tensors} tensors, ${size(rest.bytes)}, ${rest.dtypes.join(' and ') || 'no data'}`,
    `names: ${layout ?? 'unknown'}; output head ${config.tieWordEmbeddings ? 'tied to the embedding' : 'of its own'}`,
    `files: ${shards.map(({ name, bytes }) => `${name} (${size(bytes)})`).join(', ') || 'none'}`,
    [
      present(rest.tokenizer, 'tokenizer'),
      present(rest.chatTemplate, 'chat template'),
      present(rest.preprocessor, 'preprocessor'),
    ].join(', '),
    '',
    table([
      ['block', 'layers', 'tensors', 'parameters', 'size'],
      ...blocks.map(({ name, layers, tensors, parameters, bytes }) => [
        name,
        layers ? `[${layers.join(':')}]` : '',
        String(tensors),
        parameters.toLocaleString('en'),
        size(bytes),
      ]),
    ]),
  ]
  return lines.filter((line) => line !== null).join('\n')
}

function size(bytes: number): string {
  const [unit, divisor] = bytes < 1e6 ? (['kB', 1e3] as const) : (['MB', 1e6] as const)
  return `${(bytes / divisor).toLocaleString('en', { maximumFractionDigits: 1 })} ${unit}`
}
