import { symlinkSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'
import { examplesOf, printed, promised } from '../page.ts'
import { fixtureTrio } from '../surgery/fixtures.ts'

// The pages write IN/ and RL/ where a user's checkpoints are.
const { root, models } = fixtureTrio()
const before = process.cwd()
beforeAll(() => {
  symlinkSync(models.in, path.join(root, 'IN'))
  symlinkSync(models.rl, path.join(root, 'RL'))
  process.chdir(root)
})
afterAll(() => process.chdir(before))

const examples = ['merge.md', 'recipes.md', 'compare.md'].flatMap(examplesOf)

test.each(examples)('the example beginning with "$name" runs', async ({ code }) => {
  expect(await printed(code, frankentorch)).toEqual(promised(code))
})
