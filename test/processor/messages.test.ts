import { expect, test } from 'vitest'
import { checkMessages } from '../../src/model/processor/messages.ts'

const user = (...content: unknown[]) => [{ role: 'user', content }]
const part = (value: unknown) => (checkMessages(user(value))[0]!.content as object[])[0]

test.each([
  ['snake_case', { type: 'image', image: 'a.png', min_pixels: 3136, resized_height: 56, resized_width: 84 }],
  ['camelCase', { type: 'image', image: 'a.png', minPixels: 3136, resizedHeight: 56, resizedWidth: 84 }],
  ['no type', { image: 'a.png', minPixels: 3136, resizedHeight: 56, resizedWidth: 84 }],
  [
    'image_url as text',
    { type: 'image_url', image_url: 'a.png', min_pixels: 3136, resized_height: 56, resized_width: 84 },
  ],
  [
    'image_url as OpenAI clients write it',
    {
      type: 'image_url',
      image_url: { url: 'a.png', detail: 'high' },
      min_pixels: 3136,
      resized_height: 56,
      resized_width: 84,
    },
  ],
])('an image part in the spelling %s', (_, value) => {
  expect(part(value)).toEqual({ type: 'image', image: 'a.png', minPixels: 3136, resizedHeight: 56, resizedWidth: 84 })
})

test.each([
  ['frames under video', { type: 'video', video: ['0.png', '1.png'], fps: 1.5 }],
  ['frames by name', { type: 'video', frames: ['0.png', '1.png'], fps: 1.5 }],
])('a video part with %s', (_, value) => {
  expect(part(value)).toEqual({ type: 'video', video: ['0.png', '1.png'], fps: 1.5 })
})

test('a video file with its sampling', () => {
  const value = {
    type: 'video_url',
    video_url: { url: 'a.gif' },
    nframes: 8,
    total_pixels: 1e6,
    min_frames: 2,
    max_frames: 16,
  }
  expect(part(value)).toEqual({
    type: 'video',
    video: 'a.gif',
    nframes: 8,
    totalPixels: 1e6,
    minFrames: 2,
    maxFrames: 16,
  })
})

test('content may be text, and parts without a type are told by their key', () => {
  expect(checkMessages([{ role: 'system', content: 'Be brief.' }, ...user({ text: 'Hi' })])).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
  ])
})

const turn = { role: 'user', content: 'Hi' }

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'messages but received undefined'],
  ['no message', [], 'messages but received []'],
  ['text alone', 'Hi', "messages but received 'Hi'"],
  [
    'an unknown role',
    [turn, { role: 'tool', content: 'x' }],
    "one of 'system', 'user', 'assistant' for messages[1].role but received 'tool'",
  ],
  ['no content', [{ role: 'user' }], 'messages[0].content but received undefined'],
  ['null content', [{ role: 'assistant', content: null }], 'messages[0].content but received null'],
  ['an unknown key of a message', [{ ...turn, name: 'Ada' }], "messages[0] but received 'name'"],
  ['a part that is text', user('Hi'), "messages[0].content[0] but received 'Hi'"],
  ['a part of no kind', user({ type: 'text', text: 'a' }, {}), 'messages[0].content[1].type but received undefined'],
  [
    'a part of unknown kind',
    user({ type: 'audio', audio: 'a.wav' }),
    "messages[0].content[0].type but received 'audio'",
  ],
  ['a text part without text', user({ type: 'text' }), 'a string for messages[0].content[0].text'],
  ['an image part without image', user({ type: 'image' }), 'messages[0].content[0].image'],
  ['a misspelt limit', user({ image: 'a.png', maxPixel: 9 }), "messages[0].content[0] but received 'maxPixel'"],
  [
    'a limit that is no number',
    user({ image: 'a.png', max_pixels: '9' }),
    'a number for messages[0].content[0].maxPixels',
  ],
  [
    'limits that exclude each other',
    user({ image: 'a.png', minPixels: 9, maxPixels: 8 }),
    'minPixels ≤ maxPixels in messages[0].content[0]',
  ],
  ['a limit twice', user({ image: 'a.png', minPixels: 9, min_pixels: 9 }), 'two spellings'],
  [
    'a height without a width',
    user({ image: 'a.png', resized_height: 28 }),
    'Expected resizedWidth beside resizedHeight',
  ],
  ['an empty list of frames', user({ video: [] }), 'messages[0].content[0].video'],
  ['fps and nframes', user({ video: 'a.gif', fps: 1, nframes: 4 }), 'Expected fps or nframes'],
  ['nframes for frames', user({ video: ['a.png'], nframes: 4 }), 'messages[0].content[0].nframes samples a file'],
  ['an image_url without url', user({ type: 'image_url', image_url: {} }), 'messages[0].content[0].url'],
])('%s is ERR_MESSAGES with the place', (_, messages, words) => {
  expect(() => checkMessages(messages)).toThrowError(
    expect.objectContaining({ code: 'ERR_MESSAGES', message: expect.stringContaining(words) }),
  )
})
