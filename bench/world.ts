// Samples a second of the tiny world, from nothing to finished files. Goal: 500.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { world } from '../src/data/world/index.ts'

const directory = await mkdtemp(join(tmpdir(), 'frankentorch-world-'))
try {
  for (const size of [112, 224]) {
    const begun = performance.now()
    const { images, records } = await world({
      out: join(directory, String(size)),
      train: 4000,
      test: 600,
      pairs: 50,
      size,
    })
    const seconds = (performance.now() - begun) / 1000
    const samples = records['train.grpo.jsonl']! + records['test.jsonl']! + 200
    console.log(
      `${size} × ${size}: ${samples} samples and pairs, ${images} images in ${seconds.toFixed(2)} s, ${Math.round(samples / seconds)}/s`,
    )
  }
} finally {
  await rm(directory, { recursive: true })
}
