import { Command } from 'commander'
import { version } from '../version.ts'
import { captureCommand } from './capture.ts'
import { compareCommand } from './compare.ts'
import { demoCommand } from './demo.ts'
import { diffCommand } from './diff.ts'
import { doctorCommand } from './doctor.ts'
import { evalCommand } from './eval.ts'
import { exitCodes, report } from './failure.ts'
import { gatherCommand } from './gather.ts'
import { generateCommand } from './generate.ts'
import { initCommand } from './init.ts'
import { inspectCommand } from './inspect.ts'
import { interruption, listenForInterrupts } from './interrupt.ts'
import { withLibtorch } from './libtorch.ts'
import { mergeCommand } from './merge.ts'
import { probeCommand } from './probe.ts'
import { reportCommand } from './report.ts'
import { serveCommand } from './serve.ts'
import { setupCommand } from './setup.ts'
import { studyCommand } from './study.ts'
import { trainCommand } from './train.ts'
import { worldCommand } from './world.ts'

/** Every command of `frankentorch`. */
export function program(): Command {
  const root = new Command('frankentorch')
    .description('take a vision-language model apart: run it, watch it, probe it')
    .version(version)
    .option('--quiet', 'no progress and no notes on stderr')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\nDocs: docs/cli.md')
  const commands = [
    setupCommand,
    doctorCommand,
    generateCommand,
    captureCommand,
    inspectCommand,
    initCommand,
    probeCommand,
    gatherCommand,
    compareCommand,
    diffCommand,
    mergeCommand,
    evalCommand,
    reportCommand,
    serveCommand,
    studyCommand,
    worldCommand,
    trainCommand,
    demoCommand,
  ]
  for (const command of commands) {
    root.addCommand(command())
  }
  throwInsteadOfExit(root)
  return root
}

/** Runs one command line, `arguments_` without the program's name, and returns its exit code. */
export async function main(arguments_: readonly string[]): Promise<number> {
  listenForInterrupts()
  // Whoever reads our output may stop early (`| head`): that is no failure.
  process.stdout.on('error', (thrown: NodeJS.ErrnoException) => process.exit(thrown.code === 'EPIPE' ? 0 : 1))
  try {
    await withLibtorch(() => program().parseAsync(arguments_, { from: 'user' }), arguments_.includes('--quiet'))
    return interruption.aborted ? exitCodes.interrupted : Number(process.exitCode ?? exitCodes.done)
  } catch (thrown) {
    return report(thrown)
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help shows the options)')
  for (const inner of command.commands) throwInsteadOfExit(inner)
}
