import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { compile } from '../cli/frankentorch.ts'
import { fixture } from '../processor/fixture.ts'

beforeAll(compile)

test('10,000 rounds of forward with capture, hook and unhook, edit and restore leave nothing behind', async () => {
  const script = fileURLToPath(new URL('children/leaking.mjs', import.meta.url))
  // V8's young generation would grow once by 45 MB on Node 24, at any round, which is not memory of ours.
  const arguments_ = ['--expose-gc', '--max-semi-space-size=4', script, fixture('models/hub-tied'), '10000']
  const { stdout } = await promisify(execFile)(process.execPath, arguments_)
  const after = JSON.parse(stdout) as { tensors: number; bytes: number; models: number; resident: number }[]
  expect(after).toHaveLength(10)
  for (const { tensors, bytes, models } of after)
    expect({ tensors, bytes, models }).toEqual({ tensors: 0, bytes: 0, models: 1 })
  const [from, ...later] = after.slice(1).map(({ resident }) => resident)
  const growth = Math.max(...later.map((resident) => Math.abs(resident - from!)))
  console.info(`leaks: resident memory within ${(growth / 2 ** 20).toFixed(1)} MiB from round 2,000 on`)
  expect(growth).toBeLessThan(32 * 2 ** 20)
})
