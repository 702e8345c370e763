import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { RandomState } from '../../src/statistics/index.ts'
import { compile } from '../cli/frankentorch.ts'
import { temporaryDirectory } from '../native/temporary.ts'
import { contents } from '../run/contents.ts'
import { shortestDemo } from './shortest-demo.ts'

const scratch = temporaryDirectory()
beforeAll(compile)

const compiled = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const program = (out: string) => `
  const { demo } = await import(${JSON.stringify(compiled)})
  await demo({ preset: ${JSON.stringify(shortestDemo)}, out: ${JSON.stringify(out)} })`

function start(out: string) {
  return spawn(process.execPath, ['--input-type=module', '--eval', program(out)], { stdio: 'inherit' })
}

test('a demo killed anywhere and run again ends with the files of an undisturbed one', async () => {
  const [whole, killed] = [join(scratch, 'whole'), join(scratch, 'killed')]
  const begun = performance.now()
  expect(await once(start(whole), 'close')).toEqual([0, null])
  const undisturbed = performance.now() - begun

  const random = new RandomState(11)
  let kills = 0
  for (;;) {
    const child = start(killed)
    const timer =
      kills < 6 ? setTimeout(() => child.kill('SIGKILL'), (0.1 + 0.4 * random.random()) * undisturbed) : undefined
    const [code, signal] = await once(child, 'close')
    clearTimeout(timer)
    if (signal !== 'SIGKILL') {
      expect(code).toBe(0)
      break
    }
    kills++
  }
  expect(kills).toBeGreaterThan(2)
  const [expected, found] = [contents(whole), contents(killed)]
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  // The page and the records of models name the directory.
  for (const [name, text] of Object.entries(expected))
    expect(found[name]!.replaceAll(killed, '') === text.replaceAll(whole, ''), name).toBe(true)
}, 300_000)
