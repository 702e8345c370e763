import { Command, Option } from 'commander'
import { type FloatingDtype, floatingDtypes } from '../tensor/dtype.ts'
import { interruption } from './interrupt.ts'
import { integer, jsonOption } from './options.ts'
import { inMegabytes, openTerminal } from './terminal.ts'

interface InitCommandOptions {
  config: string
  tokenizer?: string
  seed: number
  dtype: FloatingDtype
  layout: 'hub' | 'nested'
  out: string
  json?: boolean
}

/** `frankentorch init`: a checkpoint of random weights. */
export function initCommand(): Command {
  return new Command('init')
    .description('write a checkpoint of random weights of any shape')
    .requiredOption('--config <file>', 'config.json of the shape wanted')
    .option('--tokenizer <dir>', 'directory with tokenizer.json (default: a byte-level tokenizer)')
    .option('--seed <n>', 'of the weights', integer(0), 0)
    .addOption(new Option('--dtype <dtype>', 'of the files').choices(floatingDtypes).default('bfloat16'))
    .addOption(new Option('--layout <layout>', 'how names are spelled').choices(['hub', 'nested']).default('hub'))
    .requiredOption('--out <dir>', 'directory to make')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch init --config config.json --seed 7 --dtype bfloat16 --out random-model',
    )
    .action(init)
}

async function init(options: InitCommandOptions, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const { json, ...given } = options
  const progress = terminal.progress('megabytes')
  const { initCheckpoint } = await import('../checkpoint/init.ts')
  const written = await initCheckpoint({
    ...given,
    signal: interruption,
    onProgress: inMegabytes(progress),
  }).finally(() => progress.stop())
  process.stdout.write(`${json ? JSON.stringify(written) : written.directory}\n`)
}
