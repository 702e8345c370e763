import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addEvaluation } from '../../src/train/evaluated.ts'
import { temporaryDirectory } from '../native/temporary.ts'

const directory = temporaryDirectory()

test("an evaluation becomes the paper's two tables in the card, and a later one takes its place", async () => {
  const result = (label: string, value: number | null) => ({ label, result: value === null ? null : { value } })
  const evaluated = (vis: number) =>
    writeFile(
      join(directory, 'summary.json'),
      JSON.stringify({
        IN: { m_vis: result('M_vis', 0.34), mathvista: result('MathVista', 0.465) },
        RL: { m_vis: result('M_vis', vis), mathvista: result('MathVista', null) },
      }),
    )
  await writeFile(join(directory, 'README.md'), '# A model\n')
  await evaluated(0.33)
  await addEvaluation(directory, directory)
  await evaluated(0.3512)
  await addEvaluation(directory, directory)
  expect(await readFile(join(directory, 'README.md'), 'utf8')).toBe(`# A model

## Evaluation

Fine-grained metrics, in percent:

| Model | M_vis |
| --- | ---: |
| IN | 34.0 |
| RL | 35.1 |

Benchmarks, in percent:

| Model | MathVista |
| --- | ---: |
| IN | 46.5 |
| RL | – |
`)
})

test('without an evaluation, or a card, it says so', async () => {
  await expect(addEvaluation(directory, join(directory, 'none'))).rejects.toMatchObject({ code: 'ERR_DATA' })
  await expect(addEvaluation(join(directory, 'none'), directory)).rejects.toMatchObject({ code: 'ERR_OUTPUT' })
})
