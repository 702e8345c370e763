import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { fixtureTrio } from '../surgery/fixtures.ts'
import { inThisProcess } from './frankentorch.ts'

const { root, models } = fixtureTrio()
const at = (name: string) => path.join(root, name)
const trio = ['--base', models.base, '--in', models.in, '--rl', models.rl]

test('merge: a splice at cuts of one’s own, printed as a directory', async () => {
  const out = at('spliced')
  const arguments_ = [
    'merge',
    'in early + final late 2/3',
    '--in',
    models.in,
    '--rl',
    models.rl,
    '--layer-cuts',
    '3,4',
    '--out',
    out,
  ]
  expect(await inThisProcess(arguments_)).toMatchObject({ code: 0, stdout: `${out}\n` })
  const record = JSON.parse(readFileSync(path.join(out, 'merge.json'), 'utf8'))
  expect(record.parameters['language_model.layers.2.mlp.up_proj.weight'].from).toEqual(['in'])
  expect(record.parameters['language_model.layers.3.mlp.up_proj.weight'].from).toEqual(['rl'])
})

test('merge --recipe reads YAML, with names of its own; --dry-run writes nothing', async () => {
  const recipe = at('recipe.yaml')
  writeFileSync(recipe, 'merge_method: slerp\nmodels: [{ model: one }, { model: two }]\nparameters:\n  t: [0, 1]\n')
  const arguments_ = [
    'merge',
    '--recipe',
    recipe,
    '--model',
    `one=${models.in}`,
    '--model',
    `two=${models.rl}`,
    '--out',
    at('between'),
  ]
  const dry = await inThisProcess([...arguments_, '--dry-run', '--json'])
  expect(JSON.parse(dry.stdout)).toMatchObject({ parameters: 104, methods: [{ name: 'slerp', parameters: 104 }] })
  expect((await inThisProcess([...arguments_, '--dry-run'])).stdout).toMatch(
    /104 parameters.*\nabout [\d.]+ s and [\d.]+ GB of memory/,
  )
  expect(existsSync(at('between'))).toBe(false)
  const { code, stdout } = await inThisProcess([...arguments_, '--json', '--hash'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ directory: at('between'), parameters: 104 })
  const { models: sources } = JSON.parse(readFileSync(path.join(at('between'), 'merge.json'), 'utf8'))
  expect(sources.one).toMatchObject({ location: models.in, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
})

test('merge: wrong usage is exit code 2 and says what is wrong', async () => {
  const both = await inThisProcess(['merge', 'in early + rl late 2/3', '--recipe', 'x.yaml', '--out', at('x')])
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('a splice or --recipe') })
  const bad = await inThisProcess([
    'merge',
    'in first + rl late 2/3',
    '--in',
    models.in,
    '--rl',
    models.rl,
    '--out',
    at('x'),
  ])
  expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_RECIPE') })
  const cuts = await inThisProcess(['merge', 'in early + rl late 2/3', '--layer-cuts', '8', '--out', at('x')])
  expect(cuts).toMatchObject({ code: 2, stderr: expect.stringContaining('two layers such as 8,20') })
})

test('compare energy and compare spectrum print tables, or JSON', async () => {
  const energy = await inThisProcess(['compare', 'energy', ...trio, '--out', at('energy')])
  expect(energy.code).toBe(0)
  expect(energy.stdout).toMatch(/Vision Encoder .*%/)
  const json = await inThisProcess(['compare', 'energy', ...trio, '--out', at('energy'), '--json'])
  expect(JSON.parse(json.stdout).metadata.updates.map(({ key }: { key: string }) => key)).toEqual(['sft', 'rl'])
  const spectrum = await inThisProcess([
    'compare',
    'spectrum',
    ...trio,
    '--component',
    'q_proj',
    '--method',
    'gram',
    '--no-angles',
    '--out',
    at('spectrum'),
  ])
  expect(spectrum).toMatchObject({ code: 0, stdout: expect.stringContaining('stable rank') })
  const { metadata, layers } = JSON.parse(readFileSync(at('spectrum/layerwise_svd.json'), 'utf8'))
  expect(metadata).toMatchObject({ component: ['q_proj'], method: 'gram' })
  expect(layers).toHaveLength(4)
})
