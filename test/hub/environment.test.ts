import { describe, expect, test } from 'vitest'
import { hubCache, hubEndpoint, hubOffline, hubToken } from '../../src/hub/environment.ts'

test.each([
  [{ HF_HUB_CACHE: '/a', HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c', XDG_CACHE_HOME: '/d', HOME: '/e' }, '/a'],
  [{ HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c', XDG_CACHE_HOME: '/d', HOME: '/e' }, '/b'],
  [{ HF_HOME: '/c', XDG_CACHE_HOME: '/d', HOME: '/e' }, '/c/hub'],
  [{ XDG_CACHE_HOME: '/d', HOME: '/e' }, '/d/huggingface/hub'],
  [{ HOME: '/e' }, '/e/.cache/huggingface/hub'],
  [{ HF_HOME: '~/models', HOME: '/e' }, '/e/models/hub'],
])('the cache of %o is %s', (environment, folder) => expect(hubCache(environment)).toBe(folder))

test('the site is huggingface.co unless HF_ENDPOINT names another', () => {
  expect(hubEndpoint({})).toBe('https://huggingface.co')
  expect(hubEndpoint({ HF_ENDPOINT: 'https://mirror.example' })).toBe('https://mirror.example')
})

describe('offline mode', () => {
  test.each(['1', 'true', 'YES', 'on'])('is %s', (value) => {
    expect(hubOffline({ HF_HUB_OFFLINE: value })).toBe(true)
    expect(hubOffline({ TRANSFORMERS_OFFLINE: value })).toBe(true)
  })
  test.each(['', '0', 'false'])("is not '%s'", (value) => expect(hubOffline({ HF_HUB_OFFLINE: value })).toBe(false))
})

test('HF_HUB_DISABLE_IMPLICIT_TOKEN keeps the token at home', async () => {
  expect(await hubToken({ HF_TOKEN: ' a\n' })).toBe('a')
  expect(await hubToken({ HF_TOKEN: 'a', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).toBeUndefined()
  expect(await hubToken({ HF_HOME: '/nowhere' })).toBeUndefined()
})
