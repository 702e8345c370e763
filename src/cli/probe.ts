import { Command } from 'commander'
import { probeAttentionCommand } from './probe-attention.ts'
import { probeReasoningCommand } from './probe-reasoning.ts'
import { probeVisionCommand } from './probe-vision.ts'

/** `frankentorch probe`: what a model's layers do, by changing what flows through them. */
export function probeCommand(): Command {
  return new Command('probe')
    .description('find out what layers do, by changing what flows through them')
    .addCommand(probeVisionCommand())
    .addCommand(probeReasoningCommand())
    .addCommand(probeAttentionCommand())
}
