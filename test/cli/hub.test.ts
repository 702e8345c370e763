import { beforeAll, expect, test } from 'vitest'
import { VisionLanguageModel } from '../../src/model/model.ts'
import { checkpointFiles, hubSite, model, temporaryDirectory } from '../hub/site.ts'
import { fixture } from '../processor/fixture.ts'
import { compile, frankentorch } from './frankentorch.ts'

beforeAll(compile)

const commit = 'c'.repeat(40)
const words = ['--prompt', 'Count the shapes.', '--max-new-tokens', '4']

test('generate fetches a model named on the Hub, with progress on stderr, and finds it again offline', async () => {
  const { endpoint } = await hubSite({ [commit]: checkpointFiles('hub-tied') })
  const env = { HF_ENDPOINT: endpoint, HF_HUB_CACHE: temporaryDirectory(), HF_HUB_OFFLINE: '', HF_TOKEN: '' }
  const online = await frankentorch(['generate', '--model', model, ...words], { env })
  expect(online).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^org\/tiny, megabytes: 0 of 1\norg\/tiny, megabytes: 1 of 1\n$/),
  })
  const offline = await frankentorch(['generate', '--model', `${model}@${commit}`, ...words], {
    env: { ...env, HF_HUB_OFFLINE: '1' },
  })
  expect(offline).toEqual({ ...online, stderr: '' })
  const direct = await frankentorch(['generate', '--model', fixture('models/hub-tied'), ...words])
  expect(direct.stdout).toBe(online.stdout)
}, 60_000)

test('a model that is not on the Hub exits 1 with the name it looked for', async () => {
  const { endpoint } = await hubSite({ [commit]: {} })
  const env = { HF_ENDPOINT: endpoint, HF_HUB_CACHE: temporaryDirectory(), HF_HUB_OFFLINE: '' }
  const { code, stderr } = await frankentorch(['inspect', 'org/none'], { env })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: .* shows no model org\/none .*\(ERR_HUB\)\n$/)
})

test('VisionLanguageModel.load takes the name, and how it is resolved', async () => {
  const { endpoint } = await hubSite({ [commit]: checkpointFiles('v5-sharded') }, { refs: { v1: commit } })
  await using loaded = await VisionLanguageModel.load(model, {
    hub: { endpoint, cacheDir: temporaryDirectory(), token: false, revision: 'v1' },
  })
  expect(loaded.directory).toMatch(new RegExp(`models--org--tiny/snapshots/${commit}$`))
})
