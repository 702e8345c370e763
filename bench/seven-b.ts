// The 7B shape, random in bfloat16: it loads and generates a token, or this fails.
//   node scripts/bench.mjs seven-b [FOLDER=the system's for temporary files]
// FOLDER has room for 17 GB, which are removed at the end.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initCheckpoint } from '../src/checkpoint/init.ts'
import { VisionLanguageModel } from '../src/index.ts'
import { sevenB } from './shapes/seven-b.ts'

const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'frankentorch-bench-'))
try {
  const out = join(directory, 'model')
  await timed('init', () => initCheckpoint({ config: sevenB, out, dtype: 'bfloat16' }))
  await using model = await timed('load', () => VisionLanguageModel.load(out))
  const { tokenIds } = await timed('one token', () =>
    model.generate([{ role: 'user', content: 'Hi' }], { maxNewTokens: 1 }),
  )
  if (tokenIds.length !== 1) throw new Error(`Expected one token but received ${tokenIds.length}`)
} finally {
  await rm(directory, { recursive: true })
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await work()
  console.log(`${what.padEnd(10)} ${((performance.now() - begun) / 1000).toFixed(2)} s`)
  return result
}
