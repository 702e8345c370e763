import { Command } from 'commander'
import type { EnergyResult } from '../compare/index.ts'
import { type ChainOptions, withChainOptions } from './compare-options.ts'
import { interruption } from './interrupt.ts'
import { jsonOption } from './options.ts'
import { table } from './table.ts'
import { inMegabytes, openTerminal } from './terminal.ts'

/** `frankentorch compare energy`: how large the updates are. */
export function compareEnergyCommand(): Command {
  const command = new Command('energy').description(
    'size and direction of the updates between checkpoints, layer by layer',
  )
  return withChainOptions(command)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch compare energy --base base/ --in IN/ --rl RL/ --out energy\nDocs: docs/compare.md',
    )
    .action(compareEnergy)
}

async function compareEnergy({ json, ...options }: ChainOptions & { json?: boolean }, command: Command): Promise<void> {
  const progress = (await openTerminal(command.optsWithGlobals())).progress('megabytes')
  const { energy } = await import('../compare/index.ts')
  const result = await energy({ ...options, signal: interruption, onProgress: inMegabytes(progress) }).finally(() =>
    progress.stop(),
  )
  const { metadata, sections, regions } = result
  if (json) process.stdout.write(`${JSON.stringify({ metadata, sections, regions })}\n`)
  else process.stdout.write(`${describe(result)}\n\n${options.out}\n`)
}

function describe({ metadata, sections, regions }: EnergyResult): string {
  const rows = [...sections, ...regions].map((part) => [
    String(part.section ?? part.region),
    ...metadata.updates.flatMap(({ key }) => {
      const means = part[key] as { fro_norm_mean: number; relative_norm_mean: number; unchanged_mean: number }
      return [means.fro_norm_mean.toPrecision(4), percent(means.relative_norm_mean), percent(means.unchanged_mean)]
    }),
  ])
  const heads = metadata.updates.flatMap(({ key }) => [`${key}: mean norm`, 'relative', 'unchanged'])
  return table([['part', ...heads], ...rows])
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`
}
