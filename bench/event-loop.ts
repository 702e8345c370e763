// How late a 10 ms timer gets while the engine works on a model of 512 wide, 8 layers. Goal: never later than a frame, 16 ms.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { initCheckpoint, VisionLanguageModel } from '../src/index.ts'
import { textConfig } from '../test/native/models.ts'

const period = 10

/** Runs `work` and prints the lateness, in milliseconds, of a timer that ran beside it. */
async function watch<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lateness: number[] = []
  let working = true
  const ticking = (async () => {
    while (working) {
      const begun = performance.now()
      await sleep(period)
      lateness.push(performance.now() - begun - period)
    }
  })()
  const begun = performance.now()
  const result = await work()
  const seconds = (performance.now() - begun) / 1000
  working = false
  await ticking
  lateness.sort((a, b) => a - b)
  const at = (fraction: number) => lateness[Math.floor((lateness.length - 1) * fraction)]!.toFixed(1)
  console.log(
    `${name.padEnd(28)} ${seconds.toFixed(2)} s, ${lateness.length} timers: late by ${at(0.5)} ms (median), ${at(0.95)} ms (95 %), ${at(1)} ms (worst)`,
  )
  return result
}

const directory = await mkdtemp(join(tmpdir(), 'frankentorch-bench-'))
try {
  const out = join(directory, 'model')
  const config = textConfig({ hiddenSize: 512, layers: 8 })
  await watch('nothing', () => sleep(500))
  await watch('write a random checkpoint', () => initCheckpoint({ config, out }))
  await using loaded = await watch('load and convert', () => VisionLanguageModel.load(out, { dtype: 'float32' }))
  const prompt = { inputIds: [Array.from({ length: 4000 }, (_, i) => i % 250)] }
  const { logits, positionIds } = await watch('prefill 4000 tokens', () => loaded.forward(prompt))
  await watch('read 4.6 MB of logits', () => logits.data())
  logits.dispose()
  positionIds.dispose()
  await watch('generate 200 tokens', () => loaded.generateIds({ inputIds: [[65]] }, { maxNewTokens: 200 }))
} finally {
  await rm(directory, { recursive: true })
}
