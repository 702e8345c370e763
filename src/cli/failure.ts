import { CommanderError } from 'commander'
import { ArgumentError, FrankentorchError, messageOf } from '../errors.ts'
import { interruption } from './interrupt.ts'

export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Prints why a command ended, unless it already said so, and returns the exit code that says it to a script. */
export function report(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage
  const code = thrown instanceof FrankentorchError ? ` (${thrown.code})` : ''
  process.stderr.write(`error: ${messageOf(thrown)}${code}\n`)
  if (process.env.DEBUG && thrown instanceof Error) process.stderr.write(`${thrown.stack}\n`)
  if (interruption.aborted) return exitCodes.interrupted
  return thrown instanceof ArgumentError ? exitCodes.usage : exitCodes.failed
}
