import { Command } from 'commander'
import { interruption } from './interrupt.ts'
import { fetchLibtorch } from './libtorch.ts'
import { jsonOption } from './options.ts'

/** `frankentorch setup`: libtorch into the per-user cache. */
export function setupCommand(): Command {
  return new Command('setup')
    .description('fetch libtorch into the per-user cache (192 MB; docs/libtorch.md)')
    .option('--from <source>', "the wheel as FILE or URL, or a DIR with lib/ and include/, instead of PyTorch's site")
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch setup')
    .action(setup)
}

async function setup({ from, json }: { from?: string; json?: boolean }, command: Command): Promise<void> {
  const libtorch = await fetchLibtorch({
    ...command.optsWithGlobals<{ quiet?: boolean }>(),
    from,
    signal: interruption,
  })
  process.stdout.write(`${json ? JSON.stringify(libtorch) : `libtorch ${libtorch.version} at ${libtorch.directory}`}\n`)
}
