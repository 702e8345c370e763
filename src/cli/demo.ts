import { Command, Option } from 'commander'
import { interruption } from './interrupt.ts'
import { integer, jsonOption } from './options.ts'
import { printStudy, studyDisplay } from './study.ts'
import { openTerminal } from './terminal.ts'

interface Options {
  out: string
  preset: 'quick' | 'default' | 'thorough'
  seed: number
  overwrite?: boolean
  json?: boolean
}

/** `frankentorch demo`: the whole analysis with nothing at hand. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('with nothing at hand: train small models on a drawn world, take them apart, and write a report')
    .addOption(
      new Option('--preset <name>', 'how long to train, and how much to measure')
        .choices(['quick', 'default', 'thorough'])
        .default('default'),
    )
    .option('--seed <n>', 'of data, weights and sampling', integer(0), 0)
    .option('--out <dir>', 'directory of everything; the same command continues there', 'demo-run')
    .option('--overwrite', 'begin anew')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ frankentorch demo --preset quick')
    .action(runDemo)
}

async function runDemo({ json, ...options }: Options, command: Command): Promise<void> {
  const terminal = await openTerminal(command.optsWithGlobals())
  const [{ demo }, answers] = await Promise.all([import('../study/index.ts'), import('../answers/index.ts')])
  terminal.note(
    'These models are tiny, trained on drawn images in minutes: they show how the analysis works and say nothing about the models of the paper.',
  )
  const display = studyDisplay(terminal)
  try {
    const result = await demo({ ...options, signal: interruption, onProgress: display.show })
    display.stop()
    await printStudy(result, options.out, json)
  } finally {
    display.stop()
    await answers.close()
  }
}
