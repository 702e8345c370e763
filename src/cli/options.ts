import { type Command, InvalidArgumentError, Option } from 'commander'
import { floatingDtypes } from '../tensor/dtype.ts'

/** An integer of at least `min`. */
export function integer(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new InvalidArgumentError(`Expected an integer ≥ ${min}.`)
  }
}

/** A number within a closed range; `above` leaves its lower end out. */
export function number({
  min,
  max = Number.POSITIVE_INFINITY,
  above = false,
}: {
  min: number
  max?: number
  above?: boolean
}) {
  return (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if ((above ? value > min : value >= min) && value <= max && Number.isFinite(value)) return value
    const upper = max === Number.POSITIVE_INFINITY ? '' : ` and ≤ ${max}`
    throw new InvalidArgumentError(`Expected a number ${above ? '>' : '≥'} ${min}${upper}.`)
  }
}

/** `a,b,c`, without empty names. */
export function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Expected names separated by commas.')
  return names
}

/** Every value of an option that may be given several times. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text]
}

/** `all`, or layers and inclusive ranges of layers: `0-5,7`. */
export function layers(text: string): 'all' | number[] {
  if (text === 'all') return 'all'
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = part.trim().match(/^(\d+)(?:-(\d+))?$/) ?? []
    if (first === undefined || Number(last) < Number(first)) {
      throw new InvalidArgumentError("Expected 'all', or layers and inclusive ranges such as 0-5,7.")
    }
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index)
  })
}

/** `8GB`, `500MB`, or bytes. */
export function memory(text: string): number {
  const [, number_, unit = ''] = text.trim().match(/^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i) ?? []
  const bytes = Math.floor(Number(number_) * 1000 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '))
  if (number_ !== undefined && bytes >= 1) return bytes
  throw new InvalidArgumentError('Expected an amount of memory such as 8GB or 500MB.')
}

/** `i/n`: the i-th of n shares. */
export function shard(text: string): { index: number; count: number } {
  const [, index, count] = (text.match(/^(\d+)\/(\d+)$/) ?? []).map(Number)
  if (index !== undefined && count !== undefined && index >= 1 && index <= count) return { index, count }
  throw new InvalidArgumentError('Expected i/n with i from 1 to n, such as 2/4.')
}

export const shardOption = () =>
  new Option('--shard <i/n>', 'only the i-th of n shares of the samples; gather puts them together').argParser(shard)
export const maxMemoryOption = () =>
  new Option('--max-memory <amount>', 'beyond the weights, such as 8GB: answers that do not fit wait').argParser(memory)
export const layersOption = () =>
  new Option('--layers <layers>', 'all, or such as 0-5,7').argParser(layers).default('all')

export const modelOption = () =>
  new Option(
    '--model <dir|name>',
    'checkpoint directory, or org/name[@revision] on the Hugging Face Hub',
  ).makeOptionMandatory()
export const deviceOption = () => new Option('--device <device>', 'cpu, cuda or cuda:N').default('cpu')
export const dtypeOption = () =>
  new Option('--dtype <dtype>', "arithmetic (default: the checkpoint's)").choices(floatingDtypes)
export const jsonOption = () => new Option('--json', 'print the result as JSON')

/** What every probe ends its options with: which share of the work, on what, and where its results go. */
export function withRunOptions(command: Command): Command {
  return command
    .addOption(shardOption())
    .addOption(dtypeOption())
    .addOption(deviceOption())
    .requiredOption('--out <dir>', 'directory of the result files; the same command continues there')
    .option('--overwrite', 'replace a run found at --out')
    .addOption(jsonOption())
}
