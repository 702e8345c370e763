import { describe, expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'
import { examplesOf, printed, promised } from '../page.ts'
import { fixture } from '../processor/fixture.ts'

// The pages name a model of the Hub; a tiny one stands in for it.
const load = (_: string, options?: frankentorch.LoadOptions) =>
  frankentorch.VisionLanguageModel.load(fixture('models/hub-tied'), options)
const api = { ...frankentorch, VisionLanguageModel: { load } }

describe.each(['hooks', 'freezing', 'surgery', 'memory', 'threads', 'embedding'])('%s.md', (page) => {
  test.each(examplesOf(`${page}.md`))('the example beginning with "$name" runs', async ({ code }) => {
    const wanted = lines(code)
    expect(wanted).not.toEqual([])
    expect(await printed(code, api)).toEqual(wanted)
  })
})

/** What a block promises: at the ends of lines that print, or in comment lines of their own below one. */
function lines(code: string): string[] {
  const inLine = promised(code)
  const own = code.split('\n').filter((line) => line.startsWith('// ') && !line.startsWith('// …'))
  if (own.length === 0 && !/^\s+console\.log/m.test(code)) return inLine
  return code.split('\n').flatMap((line) => {
    const atEnd = /^\s*(?:for .*)?console\.log.*\/\/ (.+)$/.exec(line)?.[1]
    return atEnd ?? /^\/\/ (.+)$/.exec(line)?.[1] ?? []
  })
}
