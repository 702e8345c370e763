import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { report } from '../../src/report/index.ts'
import { inThisProcess } from '../cli/frankentorch.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { writeStudy } from './study.ts'

const scratch = temporaryDirectory()

function study(name: string, seed = 0): string {
  const root = join(scratch, name)
  writeStudy(root, seed)
  return root
}

const text = (root: string) => readFileSync(join(root, 'report.html'), 'utf8')

test('the command writes one file of at most 6 MB that names what it is about', async () => {
  const root = study('whole')
  const { code, stdout } = await inThisProcess(['report', root, '--json', '--quiet'])
  const result = JSON.parse(stdout)
  expect(code).toBe(0)
  expect(result.sections).toEqual(['vision', 'reasoning', 'attention', 'weights', 'results', 'training', 'provenance'])
  expect(result.bytes).toBeLessThan(6e6)
  expect(result.bytes).toBe(readFileSync(result.file).length)
})

test('tiny-world and random models are labelled as such, and the paper is told from them', async () => {
  const root = study('labelled')
  await report(root)
  expect(text(root)).toContain('Tiny world.')
  expect(text(root)).toMatch(/Random weights\.<\/strong> Base: these models were never trained/)
  expect(text(root)).toContain('not measured here')
})

test('the same runs give the same page, other numbers another', async () => {
  const [one, again, other] = [study('same/root'), study('again/root'), study('other/root', 1)]
  for (const root of [one, again, other]) await report(root)
  expect(text(again).replaceAll('/again/', '/same/')).toBe(text(one))
  expect(text(other)).not.toBe(text(one))
})

test('a single run has a page of its own', async () => {
  const root = join(study('single'), 'probe-vision/RL')
  const { sections } = await report(root, { title: 'One <run>' })
  expect(sections).toEqual(['vision', 'provenance'])
  expect(text(root)).toContain('<h1>One &#60;run&#62;</h1>')
  expect(text(root)).not.toContain('Tiny world')
})

test('sentences say where intervals do not part two models', async () => {
  const root = study('overlap')
  const file = join(root, 'eval/summary.json')
  const results = JSON.parse(readFileSync(file, 'utf8'))
  const set = (model: string, value: number, low: number, high: number) => {
    results[model].m_rea.result = { value, low, high }
  }
  set('IN', 0.3, 0.2, 0.4)
  set('RL', 0.35, 0.25, 0.45)
  writeFileSync(file, JSON.stringify(results))
  await report(root)
  expect(text(root)).toContain('M_rea 30.0 → 35.0 % (intervals overlap)')
  set('RL', 0.6, 0.5, 0.7)
  writeFileSync(file, JSON.stringify(results))
  await report(root)
  expect(text(root)).toMatch(/M_rea 30\.0 → 60\.0 %(?! \(intervals)/)
})

test('a directory without a run, and a damaged file, are errors that name it', async () => {
  const empty = join(scratch, 'empty')
  mkdirSync(empty)
  await expect(report(empty)).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining('holds no run'),
  })
  await expect(report(join(scratch, 'nowhere'))).rejects.toMatchObject({ code: 'ERR_DATA' })
  const damaged = study('damaged')
  writeFileSync(join(damaged, 'probe-vision/RL/layer_swap_summary.json'), '{"tasks": 3}')
  await expect(report(damaged)).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining('layer_swap_summary.json'),
  })
})
