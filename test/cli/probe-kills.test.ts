import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RandomState } from '../../src/statistics/index.ts'
import { fixture } from '../processor/fixture.ts'
import { contents } from '../run/contents.ts'
import { compile, finish, start } from './frankentorch.ts'

const scratch = mkdtempSync(join(tmpdir(), 'frankentorch-kills-'))
beforeAll(compile)
afterAll(() => rmSync(scratch, { recursive: true }))

test('twenty kills at random moments, each followed by the same command: the files are those of an undisturbed run', async () => {
  const data = join(scratch, 'data')
  mkdirSync(join(data, 'counting'), { recursive: true })
  for (const image of ['pair-target.png', 'pair-source.png']) cpSync(fixture(`images/${image}`), join(data, image))
  const line = (i: number) =>
    JSON.stringify({
      id: `c${i}`,
      target_image: i === 3 ? '../missing.png' : '../pair-target.png',
      source_image: '../pair-source.png',
      prompt: `How many? ${i}`,
    })
  writeFileSync(join(data, 'counting/data.jsonl'), Array.from({ length: 24 }, (_, i) => `${line(i)}\n`).join(''))
  const run = (out: string) => {
    const words = ['probe', 'vision', '--model', fixture('models/hub-tied'), '--data', data, '--mismatch', 'resample']
    return start([...words, '--max-new-tokens', '4', '--out', join(scratch, out)])
  }
  const begun = performance.now()
  expect(await finish(run('undisturbed'))).toMatchObject({ code: 0 })
  const undisturbed = performance.now() - begun

  const random = new RandomState(20)
  let kills = 0
  for (let round = 0; kills < 20; ++round) {
    for (;;) {
      const child = run(`killed-${round}`)
      const ended = finish(child)
      // The last run of a round may end by itself, also when no kill is left.
      const timer =
        kills < 20 ? setTimeout(() => child.kill('SIGKILL'), (0.2 + 0.8 * random.random()) * undisturbed) : undefined
      const { code, signal } = await ended
      clearTimeout(timer)
      if (signal === 'SIGKILL') ++kills
      else {
        expect(code).toBe(0)
        break
      }
    }
    expect(contents(join(scratch, `killed-${round}`))).toEqual(contents(join(scratch, 'undisturbed')))
  }
  expect(kills).toBe(20)
}, 240_000)
