import { type Command, InvalidArgumentError } from 'commander'
import { list } from './options.ts'

export interface ChainOptions {
  base?: string
  in?: string
  sft?: string
  rl?: string
  more?: Record<string, string>
  select?: string[]
  out: string
  overwrite?: boolean
}

/** The options of every comparison: which checkpoints, which parameters, where to. */
export function withChainOptions(command: Command): Command {
  return command
    .option('--base <model>', 'checkpoint that training began with: a directory, or org/name on the Hub')
    .option('--in <model>', 'after supervised fine-tuning')
    .option('--sft <model>', 'another word for --in')
    .option('--rl <model>', 'after reinforcement learning')
    .option('--more <name=model>', 'a further one after those, under this key; may be repeated', named)
    .option(
      '--select <selectors>',
      'of the parameters, such as early or language_model.layers[0:12].mlp (default: all)',
      list,
    )
    .requiredOption('--out <dir>', 'directory of the result files')
    .option('--overwrite', 'replace the results of another comparison at --out')
}

/** `NAME=MODEL`, gathered. */
export function named(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, model] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || model === undefined) throw new InvalidArgumentError('Expected NAME=MODEL.')
  return { ...before, [name]: model }
}
