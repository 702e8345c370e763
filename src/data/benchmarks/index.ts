import { error } from '../../errors.ts'
import type { Benchmark } from '../benchmark.ts'
import { generic } from './generic.ts'
import { gsm8k } from './gsm8k.ts'
import { math500 } from './math500.ts'
import { mathverse } from './mathverse.ts'
import { mathvision } from './mathvision.ts'
import { mathvista } from './mathvista.ts'

/** Every benchmark by the name that `--tasks` takes. `generic` is any file of data records. */
export const benchmarks = { mathvista, mathvision, mathverse, math500, gsm8k, generic } as const satisfies Record<
  string,
  Benchmark
>

export type BenchmarkName = keyof typeof benchmarks

/** The benchmark of that name. Throws `ERR_UNKNOWN_OPTION` with the names there are. */
export function benchmark(name: string): Benchmark {
  if (Object.hasOwn(benchmarks, name)) return benchmarks[name as BenchmarkName]
  throw error(
    'ERR_UNKNOWN_OPTION',
    `Expected ${Object.keys(benchmarks).join(', ')} for the benchmark but received '${name}'`,
  )
}
