import { choiceLetter, choiceNamed } from '../../answers/choices.ts'
import { type Benchmark, type Item, identifier } from '../benchmark.ts'
import { splitFiles } from '../locate.ts'
import { prompt, styled } from '../prompt.ts'
import { type DataRecord, readRecords } from '../record.ts'
import { stated } from './stated.ts'

/**
 * Any file of data records, the world's among them. Right is the answer's text, case and final punctuation apart, or the same number; with choices, the
 * letter or the text of the right one.
 */
export const generic: Benchmark = {
  name: 'generic',
  splits: ['test', 'train.grpo', 'train.sft'],
  breakdowns: [['family'], ['task']],
  files: (source, { split = 'test' } = {}) => splitFiles(source, [split]),
  async *read(source, { split, images, only, onInvalid } = {}) {
    for (const file of await generic.files(source, { split })) {
      for await (const record of readRecords(file, { images, only, onInvalid })) yield item(record)
    }
  },
  id: ({ id }) => identifier(id),
  ask(item, style = 'boxed') {
    const { messages, question: text, choices, image } = item
    return messages ? styled(messages, style, { choices }) : prompt({ text, choices, image }, style)
  },
  score(item, response, given) {
    const extracted = (given ?? stated(response, item.choices) ?? response).trim()
    const prediction = comparable(extracted, item.choices)
    return { extracted, prediction, correct: prediction !== '' && prediction === comparable(item.answer, item.choices) }
  },
}

function item({ id, messages, answer, choices, family, task, description, image }: DataRecord): Item {
  // a supervised record ends with its reply, which is not part of the question
  const asked = messages.slice(0, messages.findLastIndex(({ role }) => role === 'user') + 1)
  const content = asked.at(-1)?.content ?? ''
  const question =
    typeof content === 'string'
      ? content
      : content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
  const groups = {
    ...(family === undefined ? {} : { family }),
    ...(typeof task === 'string' ? { task } : {}),
  }
  return { id, messages: asked, question, answer, choices, image, description, groups }
}

function comparable(text: string, choices?: readonly string[]): string {
  const index = choices && (choiceLetter(text, choices) ?? choiceNamed(text, choices))
  const bare = (index === undefined ? text : choices![index]!)
    .trim()
    .toLowerCase()
    .replace(/[.,!?;:]+$/, '')
  // commas as thousands separators only: 31,59,53,81 is a box
  return /^[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?$/.test(bare) ? String(Number(bare.replaceAll(',', ''))) : bare
}
