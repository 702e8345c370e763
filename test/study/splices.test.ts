import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { initCheckpoint } from '../../src/checkpoint/init.ts'
import { splicedModels } from '../../src/study/splices.ts'
import { tinyConfig } from '../../src/train/tiny-world/index.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-splices-'))
const [base, tuned, rl] = ['base', 'in', 'rl'].map((name) => join(scratch, name)) as [string, string, string]
beforeAll(async () => {
  for (const [seed, out] of [base, tuned, rl].entries())
    await initCheckpoint({ config: tinyConfig(288), seed, dtype: 'float32', out })
})
afterAll(() => rmSync(scratch, { recursive: true }))

test('a splice becomes a checkpoint, made once; a label is its checkpoint; the rest stays', async () => {
  const out = join(scratch, 'splices')
  const options = { base, in: tuned, rl, out }
  const models = { A: 'IN early 1/3 + RL late 2/3', B: 'RL early 1/3 + IN late 2/3', last: 'rl', other: 'some/where' }
  const made = await splicedModels(models, options)
  expect(made).toMatchObject({ last: rl, other: 'some/where' })
  expect(readdirSync(out)).toHaveLength(2)
  expect(made.A).not.toBe(made.B)
  expect(readdirSync(made.A!)).toContain('config.json')
  const made1 = statSync(made.A!).mtimeMs
  expect(await splicedModels(models, options)).toEqual(made)
  expect(statSync(made.A!).mtimeMs).toBe(made1)
  // another donor is another checkpoint
  expect((await splicedModels({ A: models.A }, { ...options, rl: base })).A).not.toBe(made.A)
})
