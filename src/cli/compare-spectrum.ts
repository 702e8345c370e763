import { Command, Option } from 'commander'
import type { SpectrumMethod, SpectrumResult } from '../compare/index.ts'
import { type ChainOptions, withChainOptions } from './compare-options.ts'
import { interruption } from './interrupt.ts'
import { integer, jsonOption, list } from './options.ts'
import { table } from './table.ts'
import { openTerminal } from './terminal.ts'

interface SpectrumOptions extends ChainOptions {
  component: string[]
  method: SpectrumMethod
  topk: number
  angles: boolean
  json?: boolean
}

/** `frankentorch compare spectrum`: how many directions the updates use. */
export function compareSpectrumCommand(): Command {
  const command = new Command('spectrum').description(
    'singular values of the updates between checkpoints, matrix by matrix',
  )
  return withChainOptions(command)
    .option('--component <names>', 'matrices, such as down_proj,self_attn, or all', list, ['down_proj'])
    .addOption(
      new Option('--method <method>', 'auto is gram, and exact for small matrices')
        .choices(['exact', 'gram', 'randomized', 'auto'])
        .default('auto'),
    )
    .option('--topk <n>', 'singular values to keep, and directions to compare', integer(1), 50)
    .option('--no-angles', 'leave out the principal angles, which cost vectors')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch compare spectrum --base base/ --in IN/ --rl RL/ --out spectrum\nDocs: docs/compare.md',
    )
    .action(compareSpectrum)
}

async function compareSpectrum({ json, ...options }: SpectrumOptions, command: Command): Promise<void> {
  const progress = (await openTerminal(command.optsWithGlobals())).progress('matrices')
  const { spectrum } = await import('../compare/index.ts')
  const result = await spectrum({ ...options, signal: interruption, onProgress: progress }).finally(() =>
    progress.stop(),
  )
  const { metadata, summary, regions } = result
  if (json) process.stdout.write(`${JSON.stringify({ metadata, summary, regions })}\n`)
  else process.stdout.write(`${describe(result)}\n\n${options.out}\n`)
}

function describe({ metadata, summary }: SpectrumResult): string {
  const shown = ['spectral_norm_mean', 'stable_rank_mean', 'effective_rank_mean'] as const
  const heads = metadata.updates.flatMap(({ key }) => [`${key}: σ₁`, 'stable rank', 'effective rank'])
  const rows = summary.map((layer) => [
    String(layer.layer_idx),
    ...metadata.updates.flatMap(({ key }) =>
      shown.map((measure) => (layer[key] as Record<string, number | null>)[measure]?.toPrecision(4) ?? '–'),
    ),
  ])
  return table([['layer', ...heads], ...rows])
}
