import { Command } from 'commander'

interface CardOptions {
  model: string
  eval: string
}

/** `frankentorch train card`: what an evaluation found, in a trained checkpoint's model card. */
export function trainCardCommand(): Command {
  return new Command('card')
    .description("add an evaluation to a trained checkpoint's model card, as the paper's two tables")
    .requiredOption('--model <dir>', 'the checkpoint: last/ or best/ of a training')
    .requiredOption('--eval <dir>', 'what frankentorch eval wrote with --out')
    .addHelpText('after', '\nExample:\n  $ frankentorch train card --model rl/best --eval evaluation')
    .action(async ({ model, eval: evaluation }: CardOptions) => {
      const { addEvaluation } = await import('../train/evaluated.ts')
      process.stdout.write(`${await addEvaluation(model, evaluation)}\n`)
    })
}
