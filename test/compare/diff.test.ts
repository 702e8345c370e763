import path from 'node:path'
import { expect, test } from 'vitest'
import { compare, merge } from '../../src/index.ts'
import { inThisProcess } from '../cli/frankentorch.ts'
import { fixtureTrio } from '../surgery/fixtures.ts'

const { root, models } = fixtureTrio()

test('a checkpoint equals itself, and a splice its donors but for the layers that came from elsewhere', async () => {
  const { directory } = await merge('IN early 2/3 + RL late 1/3', { ...models, out: path.join(root, 'spliced') })
  expect((await compare.diff(models.in, models.in)).differences).toEqual([])
  const { differences, parameters } = await compare.diff(models.in, directory)
  expect(parameters).toBe(104)
  const layers = new Set(differences.map(({ name }) => /layers\.(\d+)/.exec(name)?.[1]))
  expect([...layers].sort()).toEqual(['2', '3'])
  const down = differences.find(({ name }) => name === 'language_model.layers.3.mlp.down_proj.weight')!
  const { layers: energies } = await compare.energy({ in: models.in, rl: directory })
  const energy = energies.find(({ param_name }) => param_name === down.name)!.rl
  expect(down).toMatchObject({ kind: 'values', fro_norm: (energy as { fro_norm: number }).fro_norm })
})

test('the command says so by its exit code', async () => {
  const same = await inThisProcess(['diff', models.in, models.in])
  expect(same).toMatchObject({ code: 0, stdout: 'all 104 parameters are equal\n' })
  process.exitCode = undefined
  const other = await inThisProcess(['diff', models.in, models.rl, '--json'])
  expect(process.exitCode).toBe(1)
  process.exitCode = undefined
  expect(JSON.parse(other.stdout).differences.length).toBeGreaterThan(50)
})
