import { colorNames, type Difficulty, type PerceptionTask, shapeNames } from './difficulty.ts'
import type { Random } from './random.ts'
import {
  type Avoid,
  arrange,
  cellsOf,
  distractors,
  type Group,
  half,
  type Kind,
  kind,
  middleBox,
  type Scene,
  write,
} from './scene.ts'
import { vocabulary } from './words.ts'

/**
 * A question before its image: every answer it can have, and an image for each. A sample takes one answer, a swap pair two.
 */
export interface Question {
  prompt: string
  /** All equally likely. */
  answers: readonly string[]
  show(answer: string, random: Random): Scene
  /** A chain of thought that ends in `answer`. */
  thought(answer: string): string
  /** What the question asks for by name: `red circle`. */
  object?: string
}

type Ask = (random: Random, difficulty: Difficulty) => Question

const count: Ask = (random, difficulty) => {
  const asked = kind(random, difficulty)
  const byColor = random.coin()
  const name = byColor ? asked.color : `${asked.shape}s`
  return {
    prompt: byColor ? `How many are ${name}?` : `How many ${name}?`,
    answers: integers(1, difficulty.maxCount),
    show: (answer, random) => among({ ...asked, count: Number(answer) }, random, difficulty),
    thought: (answer) => `${name}: ${integers(1, Number(answer)).join(' ')}`,
  }
}

const color: Ask = (random, difficulty) => {
  const { shape } = kind(random, difficulty)
  return {
    prompt: `What color is the ${shape}?`,
    answers: colorNames.slice(0, difficulty.colors),
    show: (answer, random) => among({ color: answer as Kind['color'], shape, count: 1 }, random, difficulty),
    thought: (answer) => `${answer} ${shape}`,
  }
}

const shape: Ask = (random, difficulty) => {
  const { color } = kind(random, difficulty)
  return {
    prompt: `What shape is ${color}?`,
    answers: shapeNames.slice(0, difficulty.shapes),
    show: (answer, random) => among({ color, shape: answer as Kind['shape'], count: 1 }, random, difficulty),
    thought: (answer) => `${color} ${answer}`,
  }
}

const side: Ask = (random, difficulty) => {
  const asked = kind(random, difficulty)
  const name = random.coin() ? `${asked.color} one` : asked.shape
  return {
    prompt: `Is the ${name} left or right?`,
    answers: ['left', 'right'],
    show: (answer, random) =>
      among({ ...asked, count: 1, cells: half(answer as 'left' | 'right', difficulty.grid) }, random, difficulty),
    thought: (answer) => `${name} ${answer}`,
  }
}

const present: Ask = (random, difficulty) => {
  const asked = kind(random, difficulty)
  const byColor = random.coin()
  const name = byColor ? asked.color : asked.shape
  const avoid: Avoid = byColor ? { colors: [asked.color] } : { shapes: [asked.shape] }
  return {
    prompt: byColor ? `Is anything ${name}?` : `Is there a ${name}?`,
    answers: ['yes', 'no'],
    show: (answer, random) => {
      const shown = answer === 'yes' ? asked : kind(random, difficulty, avoid)
      const others = distractors(random, difficulty, 2, { ...avoid, colors: [asked.color, shown.color] })
      return arrange([{ ...shown, count: 1 }, ...others], random, difficulty)
    },
    thought: (answer) => (answer === 'yes' ? `a ${name} is there` : `no ${name} is there`),
    object: byColor ? `${name} thing` : name,
  }
}

// On the middles of the cells, with one diameter: an answer in pixels can be right to the pixel, so it can be checked.
const locate: Ask = (random, difficulty) => {
  const asked = kind(random, difficulty)
  const centered = { ...difficulty, jitter: 0 }
  const cellOf = new Map(cellsOf(difficulty.grid).map((cell) => [middleBox(cell, difficulty).join(','), cell]))
  return {
    prompt: `Box of the ${asked.color} ${asked.shape}?`,
    answers: [...cellOf.keys()],
    show: (answer, random) => among({ ...asked, count: 1, cells: [cellOf.get(answer)!] }, random, centered),
    thought: (answer) => `${asked.color} ${asked.shape} ${answer}`,
    object: `${asked.color} ${asked.shape}`,
  }
}

const number: Ask = (_random, difficulty) => ({
  prompt: 'Read the number.',
  answers: numbers(difficulty),
  show: (answer, random) => write([answer], random, difficulty),
  thought: spell,
})

const word: Ask = (_random, difficulty) => ({
  prompt: 'Read the word.',
  answers: vocabulary.slice(0, difficulty.words),
  show: (answer, random) => write([answer], random, difficulty),
  thought: spell,
})

export const perception: Record<PerceptionTask, Ask> = { count, color, shape, side, present, locate, number, word }

/** Numbers that may be written, all of `digits` digits. */
export function numbers({ digits }: Difficulty): string[] {
  return digits === 1 ? integers(0, 9) : integers(10 ** (digits - 1), 10 ** digits - 1)
}

// A single target keeps its shape to itself as well as its color: both may name it.
function among(target: Group, random: Random, difficulty: Difficulty): Scene {
  const others = distractors(random, difficulty, 2, { colors: [target.color], shapes: [target.shape] })
  return arrange([target, ...others], random, difficulty)
}

/** `low` to `high`, both included, as answers. */
export function integers(low: number, high: number): string[] {
  return Array.from({ length: high - low + 1 }, (_, i) => String(low + i))
}

function spell(answer: string): string {
  return [...answer].join(' ')
}
