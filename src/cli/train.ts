import { Command } from 'commander'
import { trainCardCommand } from './train-card.ts'
import { trainGrpoCommand } from './train-grpo.ts'
import { trainSftCommand } from './train-sft.ts'

/** `frankentorch train`: change a model's weights, all of them or some. */
export function trainCommand(): Command {
  return new Command('train')
    .description('train a model, with any of its blocks frozen')
    .addCommand(trainSftCommand())
    .addCommand(trainGrpoCommand())
    .addCommand(trainCardCommand())
}
