import type { Difficulty } from './difficulty.ts'
import { stream } from './random.ts'
import { baseRecords, imageOf, questionRecord, swapImages, swapRecord, thoughtRecord } from './records.ts'
import { type Sample, samples } from './samples.ts'
import { blackScene, type Scene } from './scene.ts'
import { type SwapPair, type SwapTask, swapPairs, swapTasksOf } from './swap.ts'

/** What decides every byte of a world. */
export interface Plan {
  seed: number
  train: number
  test: number
  pairs: number
  blank: number
  guess: number
  difficulty: Difficulty
}

/** What one sample or pair adds to a world; paths are relative to its directory. */
export interface Entry {
  lines: { file: string; record: object }[]
  images: { file: string; scene: Scene }[]
}

/** Training samples, test samples, then swap pairs. */
export function* entries({ seed, train, test, pairs, blank, guess, difficulty }: Plan): Generator<Entry> {
  const black = { file: 'images/black.png', scene: blackScene(difficulty.size) }
  let blackNeeded = true
  for (const sample of samples(seed, 'train', train, difficulty)) {
    const isBlank = !sample.scene && stream(seed, `${sample.id}_blank`).below(1000) < blank * 1000
    const entry = trainEntry(sample, isBlank ? black.file : imageOf(sample), guessOf(seed, sample, guess))
    if (isBlank && blackNeeded) {
      entry.images.push(black)
      blackNeeded = false
    }
    yield entry
  }
  for (const sample of samples(seed, 'test', test, difficulty)) {
    yield { lines: [{ file: 'test.jsonl', record: questionRecord(sample) }], images: imagesOf(sample) }
  }
  for (const task of swapTasksOf(difficulty)) {
    for (const pair of swapPairs(seed, task, pairs, difficulty)) yield swapEntry(task, pair)
  }
}

// The teacher of the cold start guesses now and then, and never well.
function guessOf(seed: number, { id, answer, answers }: Sample, share: number): string | undefined {
  const random = stream(seed, `${id}_guess`)
  if (random.below(1000) >= share * 1000) return undefined
  return random.pick(answers.filter((other) => other !== answer))
}

// Three views of one sample: what Base learns, the cold start, and the prompt of reinforcement learning.
function trainEntry(sample: Sample, image: string | undefined, guess: string | undefined): Entry {
  return {
    lines: [
      ...baseRecords(sample, image).map((record) => ({ file: 'train.base.jsonl', record })),
      { file: 'train.sft.jsonl', record: thoughtRecord(sample, image, guess) },
      { file: 'train.grpo.jsonl', record: questionRecord(sample, image) },
    ],
    images: imagesOf(sample),
  }
}

function swapEntry(task: SwapTask, pair: SwapPair): Entry {
  const { target, source } = swapImages(pair.id)
  return {
    lines: [{ file: `swap/${task}/data.jsonl`, record: swapRecord(pair) }],
    images: [
      { file: `swap/${task}/${target}`, scene: pair.target.scene },
      { file: `swap/${task}/${source}`, scene: pair.source.scene },
    ],
  }
}

function imagesOf(sample: Sample): Entry['images'] {
  const file = imageOf(sample)
  return file === undefined ? [] : [{ file, scene: sample.scene! }]
}
