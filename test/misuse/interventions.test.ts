import { expect, test } from 'vitest'
import { tensor, zeros } from '../../src/index.ts'
import type { Intervention } from '../../src/model/interventions.ts'
import { fixtureModels } from '../parity/models.ts'

const model = fixtureModels()
const point = 'language_model.layers.1'
const inputs = { inputIds: [[1, 2, 3]] }
const three = await zeros([3, 1])

const refused: [given: object, code: string, message: RegExp][] = [
  [{ kind: 'twist', point }, 'ERR_INVALID_ARGUMENT', /'zero'.*'swap'.*interventions\[0\]\.kind.*'twist'/],
  [{ kind: 'zero', point, step: 'all' }, 'ERR_UNKNOWN_OPTION', /interventions\[0\].*'step'/],
  [{ kind: 'zero', point: 'language_model.layer.1' }, 'ERR_UNKNOWN_POINT', /language_model\.layer\.1.*nearest/],
  [{ kind: 'zero', point: 'language_model.layers.99' }, 'ERR_UNKNOWN_LAYER', /99/],
  [{ kind: 'zero', point, heads: [0] }, 'ERR_INVALID_ARGUMENT', /a point with heads.*layers\.1/],
  [{ kind: 'skip', point, heads: [0] }, 'ERR_UNKNOWN_OPTION', /'heads'/],
  [{ kind: 'zero', point: `${point}.self_attn.key`, heads: [2] }, 'ERR_INVALID_ARGUMENT', /0 to 1.*received 2/],
  [{ kind: 'zero', point, rows: [1] }, 'ERR_INVALID_ARGUMENT', /rows below 1.*received 1/],
  [{ kind: 'zero', point, positions: [3] }, 'ERR_INVALID_ARGUMENT', /a position below 3.*received 3/],
  [{ kind: 'zero', point, positions: 'picture' }, 'ERR_INVALID_ARGUMENT', /positions.*'picture'/],
  [{ kind: 'scale', point }, 'ERR_INVALID_ARGUMENT', /a number.*factor/],
  [{ kind: 'add', point }, 'ERR_INVALID_ARGUMENT', /interventions\[0\]\.tensor/],
  [{ kind: 'add', point, tensor: tensor([1, 2]) }, 'ERR_SHAPE_MISMATCH', /broadcasts to \[1, tokens, \d+\].*\[2\]/],
  [{ kind: 'add', point, tensor: three }, 'ERR_SHAPE_MISMATCH', /steps 'prefill'.*\[3, 1\]/],
  [{ kind: 'skip', point: `${point}.mlp` }, 'ERR_INVALID_ARGUMENT', /kind 'zero'/],
  [{ kind: 'skip', point: 'lm_head' }, 'ERR_INVALID_ARGUMENT', /the shape of its input.*'lm_head'/],
  [{ kind: 'zero', point: 'visual.merger', rows: [0] }, 'ERR_INVALID_ARGUMENT', /'all' at visual\.merger/],
  [{ kind: 'zero', point: 'visual.merger', steps: 'decode' }, 'ERR_INVALID_ARGUMENT', /'prefill' or 'all'/],
]

test.each(refused)('%o is refused with %s before anything runs', async (given, code, message) => {
  const loaded = await model('hub-tied')
  const interventions = [given as Intervention]
  const failure = { code, message: expect.stringMatching(message) }
  await expect(loaded.forward(inputs, { interventions })).rejects.toMatchObject(failure)
})

test('a disposed tensor is ERR_DISPOSED, and the model goes on', async () => {
  const loaded = await model('hub-tied')
  const gone = await zeros([1])
  gone.dispose()
  const interventions: Intervention[] = [{ kind: 'add', point, tensor: gone }]
  await expect(loaded.generate(inputs, { interventions })).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
  await expect(loaded.generate(inputs, { maxNewTokens: 1 })).resolves.toMatchObject({ finishReason: 'length' })
})
