import { basename } from 'node:path'
import type { Benchmark, Item } from '../data/index.ts'
import { error, FrankentorchError, messageOf } from '../errors.ts'
import { sampleIds } from '../statistics/index.ts'

/** A record that is no question. It stays in its place and fails there with the reason. */
export interface InvalidQuestion {
  id: string
  invalid: FrankentorchError
}

/**
 * The questions of a file, drawn as the paper draws them; what does not fit is drawn among them, as `test.jsonl:12`. Throws `ERR_DATA` when there is
 * none. Ids may repeat in files of one's own.
 */
export async function readQuestions(
  of: Benchmark,
  { data, samples, seed }: { data: string; samples: number; seed: number },
): Promise<(Item | InvalidQuestion)[]> {
  const found: (Item | InvalidQuestion)[] = []
  const onInvalid = ({ place, reason }: { place: string; reason: unknown }) => {
    const invalid = reason instanceof FrankentorchError ? reason : error('ERR_DATA', `${place}: ${messageOf(reason)}`)
    found.push({ id: basename(place), invalid })
  }
  for await (const item of of.read(data, { onInvalid })) found.push(item)
  if (found.length === 0) throw error('ERR_DATA', `${data} has no question`)
  return sampleIds(found.length, samples, seed).map((place) => found[place]!)
}

export function isQuestion(one: Item | InvalidQuestion): one is Item {
  return !('invalid' in one)
}
