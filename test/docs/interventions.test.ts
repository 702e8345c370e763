import { expect, test } from 'vitest'
import * as frankentorch from '../../src/index.ts'
import { examplesOf, printed, promised } from '../page.ts'
import { fixture } from '../processor/fixture.ts'

// The page names a model of the Hub; a tiny one stands in for it.
const load = () => frankentorch.VisionLanguageModel.load(fixture('models/hub-tied'))
const api = { ...frankentorch, VisionLanguageModel: { load } }

test.each(examplesOf('interventions.md'))('the example beginning with "$name" runs', async ({ code }) => {
  expect(promised(code)).not.toEqual([])
  expect(await printed(code, api)).toEqual(promised(code))
})
