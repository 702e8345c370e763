import { expect, test, vi } from 'vitest'
import { changeRateTable } from '../../src/cli/table.ts'
import { describeProgress, openTerminal } from '../../src/cli/terminal.ts'

test.each([
  [{ done: 0, total: 200, failed: 0 }, '0 of 200'],
  [{ done: 12, total: 200, failed: 1, rate: 0.8, remainingS: 235 }, '12 of 200, 1.3 s each, 3 min 55 s left, 1 failed'],
  [
    { done: 12, total: 90_000, failed: 0, rate: 12.34, remainingS: 7_293 },
    '12 of 90000, 12.3 a second, 2 h 1 min left',
  ],
  [{ done: 5, total: 5, failed: 0, rate: 2, remainingS: 0 }, '5 of 5, 2.0 a second'],
])('progress is told in words', (progress, words) => {
  expect(describeProgress(progress)).toBe(words)
})

test('a log has the first line of progress and the last, once', async () => {
  const written: unknown[] = []
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(text) > 0)
  try {
    const show = (await openTerminal({})).progress('parts')
    for (const done of [1, 2, 3, 100, 100]) show({ done, total: 100, failed: 0 })
  } finally {
    write.mockRestore()
  }
  expect(written).toEqual(['parts: 1 of 100\n', 'parts: 100 of 100\n'])
})

test('the table of change rates has a line a layer, a column a task, and a dash where there is no data', () => {
  const summary = {
    tasks: ['counting', 'ocr'],
    layers: [0, 10],
    num_samples: 3,
    failures: 3,
    answered: { counting: 3, ocr: 0 },
    change_intervals: {},
    moved_rates: {},
    change_rates: { counting: { 0: 1, 10: 1 / 3 }, ocr: { 0: null, 10: null } },
  }
  expect(changeRateTable(summary)).toBe(
    ['layer  counting  ocr', '    0   100.0 %    –', '   10    33.3 %    –'].join('\n'),
  )
})
