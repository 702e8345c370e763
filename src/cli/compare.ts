import { Command } from 'commander'
import { compareEnergyCommand } from './compare-energy.ts'
import { compareSpectrumCommand } from './compare-spectrum.ts'

/** `frankentorch compare`: what training did to the weights. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('find out what training did to the weights, along the depth of the model')
    .addCommand(compareEnergyCommand())
    .addCommand(compareSpectrumCommand())
}
