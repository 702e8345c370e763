import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { resultTables } from '../../src/report/index.ts'
import { demo } from '../../src/study/index.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { shortestDemo as preset } from './shortest-demo.ts'

const scratch = temporaryDirectory()
beforeAll(() => native().setNumThreads(1))

const json = (root: string, file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))

test('the demo trains, measures and reports, interrupted anywhere and run again', async () => {
  const out = join(scratch, 'demo')
  for (const after of [1, 5, 12]) {
    const controller = new AbortController()
    let told = 0
    const cut = demo({
      preset,
      out,
      signal: controller.signal,
      onProgress: () => ++told === after && controller.abort(),
    })
    await expect(cut).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  }
  const { report } = await demo({ preset, out })
  expect(report!.sections).toEqual(['vision', 'reasoning', 'attention', 'weights', 'results', 'training', 'provenance'])
  expect(report!.bytes).toBeLessThan(6e6)
  const page = readFileSync(report!.file, 'utf8')
  expect(page).toContain('Tiny world.')
  expect(page).toContain('not measured here')

  // the paper's two tables, for these models, as the JSON files have them
  const tables = await resultTables(out)
  expect(tables).toContain('Transfer: thirds of IN and RL in one model')
  expect(tables).toContain('Necessity: reinforcement learning with a third of the decoder frozen')
  for (const model of [
    'Base',
    'IN',
    'RL',
    'RL-frozen-early',
    'RL-frozen-middle',
    'RL-frozen-late',
    'IN1+RL2',
    'RL+IN+RL',
  ]) {
    const summary = json(out, `eval/${model}/summary.json`)[model]
    const values = Object.values<{ result: { value: number } | null }>(summary).map(({ result }) =>
      result ? (100 * result.value).toFixed(1) : '–',
    )
    expect(tables).toMatch(new RegExp(`^${model.replaceAll('+', '\\+')} +${values.join(' +')}`, 'm'))
  }
  const again = await demo({ preset, out })
  expect(again.done).toBe(0)
  expect(readFileSync(again.report!.file, 'utf8')).toBe(page)
}, 300_000)

test('another seed gives other numbers, and is refused in the same directory', async () => {
  const out = join(scratch, 'demo')
  await expect(demo({ preset, out, seed: 1 })).rejects.toMatchObject({ code: 'ERR_RUN_MISMATCH' })
  const other = join(scratch, 'other')
  await demo({ preset, out: other, seed: 1 })
  const files = [
    'train/base/metrics.jsonl',
    'train/rl/metrics.jsonl',
    'vision/RL/layer_swap_results.jsonl',
    'reasoning/RL/ablation_results.jsonl',
    'attention/RL/attention_mass.json',
    'energy/fro_norm.json',
    'spectrum/layerwise_svd.json',
    'eval/RL/RL/m_vis.jsonl',
    'report.html',
  ]
  const read = (root: string, file: string) => readFileSync(join(root, file), 'utf8').replaceAll(root, '')
  for (const file of files) expect(read(other, file) === read(out, file), file).toBe(false)
}, 120_000)
