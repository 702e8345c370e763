import { Command, Option } from 'commander'
import type { GrpoOptions } from '../train/grpo-options.ts'
import { presetNames } from '../train/presets.ts'
import { scheduleTypes } from '../train/schedule.ts'
import { withModel } from './model.ts'
import { integer, number } from './options.ts'
import { apiOptions, runTraining, type TrainOptions, withTrainOptions } from './train-options.ts'

const positive = number({ min: 0, above: true })
const share = number({ min: 0, max: 1 })

/** `frankentorch train grpo`: learn from the model's own replies and what they are worth. */
export function trainGrpoCommand(): Command {
  return withTrainOptions(
    new Command('grpo').description(
      'reinforcement learning with verifiable rewards, in which the replies to a prompt compete',
    ),
    { lr: '1e-6', batch: '8', maxGradNorm: '1' },
  )
    .addOption(new Option('--loss <name>', 'policy loss (default: gspo)').choices(['grpo', 'gspo', 'dapo', 'dr_grpo']))
    .addOption(new Option('--preset <name>', 'a published recipe; options beside it go before it').choices(presetNames))
    .option('--group <n>', 'replies to a prompt (default: 16)', integer(2))
    .option('--max-new-tokens <n>', 'longest reply (default: 256)', integer(1))
    .option('--temperature <t>', 'of sampling (default: 1)', positive)
    .option(
      '--top-p <p>',
      'sample from the likeliest tokens of this mass (default: 1)',
      number({ min: 0, max: 1, above: true }),
    )
    .option('--top-k <n>', 'sample from so many tokens (default: all)', integer(0))
    .option('--epsilon <e>', 'clip bound of the ratio below 1 (default: as the loss was published)', positive)
    .option('--epsilon-high <e>', 'and above 1', positive)
    .option(
      '--beta <b>',
      'weight of the divergence from the starting model (default: 0, which loads no reference)',
      number({ min: 0 }),
    )
    .addOption(new Option('--kl <estimator>', 'of that divergence (default: k3)').choices(['k1', 'k2', 'k3']))
    .option('--no-scale-rewards', 'advantages without division by the deviation of the group')
    .option('--dynamic-sampling', 'replace prompts whose replies all have the same reward')
    .option('--max-resamples <n>', 'at most so many times a step (default: 3)', integer(1))
    .option('--overlong-cache <share>', 'of the longest reply, in which a penalty grows to 1 (default: 0, none)', share)
    .option('--num-iterations <n>', 'times that the replies of a step are learned from (default: 1)', integer(1))
    .option('--updates-per-iteration <n>', 'optimizer steps of each (default: 1)', integer(1))
    .addOption(
      new Option('--lr-scheduler-type <type>', 'how the learning rate falls (default: constant)').choices(
        scheduleTypes,
      ),
    )
    .option('--weight-decay <rate>', 'of AdamW (default: 0.1)', number({ min: 0 }))
    .addHelpText(
      'after',
      '\nExample:\n  $ frankentorch train grpo --model in --data world/train.grpo.jsonl --steps 5 --freeze middle --max-new-tokens 64 --lr 1e-4 --out rl',
    )
    .action(trainGrpo)
}

async function trainGrpo(_options: TrainOptions, command: Command): Promise<void> {
  const { scaleRewards, ...options } = command.optsWithGlobals<TrainOptions & GrpoOptions>()
  // commander makes true of a flag that was not given
  const own = { ...apiOptions(options), ...(scaleRewards === false ? { scaleRewards } : {}) }
  const { grpo } = await import('../train/grpo.ts')
  await runTraining(options, (displays) => withModel(options, (model) => grpo(model, { ...own, ...displays })))
}
