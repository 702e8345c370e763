import { Command, Option } from 'commander'
import { scheduleTypes } from '../train/schedule.ts'
import type { SftOptions } from '../train/sft.ts'
import { withModel } from './model.ts'
import { number } from './options.ts'
import { apiOptions, runTraining, type TrainOptions, withTrainOptions } from './train-options.ts'

/** `frankentorch train sft`: learn the replies of conversations. */
export function trainSftCommand(): Command {
  return withTrainOptions(
    new Command('sft').description(
      "learn the assistant's replies in conversations with images (supervised fine-tuning, cold start)",
    ),
    { lr: 5e-5, batch: 64, maxGradNorm: 1 },
  )
    .addOption(
      new Option('--lr-scheduler-type <type>', 'how the learning rate falls').choices(scheduleTypes).default('cosine'),
    )
    .option('--weight-decay <rate>', 'of AdamW', number({ min: 0 }), 0)
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch train sft --model base --data world/train.sft.jsonl --steps 20 --lr 1e-3 --freeze vision,projector --out in',
    )
    .action(trainSft)
}

async function trainSft(_options: TrainOptions, command: Command): Promise<void> {
  const options = command.optsWithGlobals<TrainOptions & SftOptions>()
  const { sft } = await import('../train/sft.ts')
  await runTraining(options, (displays) =>
    withModel(options, (model) => sft(model, { ...apiOptions(options), ...displays })),
  )
}
