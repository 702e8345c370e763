import type { ArithmeticTask, Difficulty } from './difficulty.ts'
import { integers, numbers } from './perception.ts'
import type { Random } from './random.ts'
import { arrange, distractors, kind, type Scene, write } from './scene.ts'

/** A question whose answer must be computed from what its scene shows. */
export interface Problem {
  prompt: string
  scene: Scene
  /** Premises, then the computation. */
  thought: string
  answer: string
  /** What a guess may say, `answer` among it. */
  answers: readonly string[]
}

type Pose = (random: Random, difficulty: Difficulty) => Problem

const add: Pose = (random, difficulty) => {
  const [a, b] = counts(random, difficulty)
  const { first, second, scene, premises } = twoColors(random, difficulty, a, b)
  return {
    prompt: `How many are ${first} or ${second}?`,
    scene,
    thought: `${premises}. ${a}+${b}=${a + b}`,
    answer: String(a + b),
    answers: integers(2, 2 * difficulty.maxCount),
  }
}

const subtract: Pose = (random, difficulty) => {
  const [a, b] = differentCounts(random, difficulty).sort((x, y) => y - x) as [number, number]
  const { first, second, scene, premises } = twoColors(random, difficulty, a, b)
  return {
    prompt: `How many more ${first} than ${second}?`,
    scene,
    thought: `${premises}. ${a}-${b}=${a - b}`,
    answer: String(a - b),
    answers: integers(1, difficulty.maxCount - 1),
  }
}

const compare: Pose = (random, difficulty) => {
  const [a, b] = differentCounts(random, difficulty)
  const { first, second, scene, premises } = twoColors(random, difficulty, a, b)
  return {
    prompt: `Are more ${first} or ${second}?`,
    scene,
    thought: `${premises}. ${a}${a > b ? '>' : '<'}${b}`,
    answer: a > b ? first : second,
    answers: [first, second],
  }
}

const sum: Pose = (random, difficulty) => {
  const [a, b] = [random.pick(numbers(difficulty)), random.pick(numbers(difficulty))]
  const total = String(Number(a) + Number(b))
  return {
    prompt: 'What is the sum?',
    scene: write([a, b], random, difficulty),
    thought: `${a}+${b}=${total}`,
    answer: total,
    answers: integers(2 * Number(numbers(difficulty)[0]), 2 * Number(numbers(difficulty).at(-1))),
  }
}

const larger: Pose = (random, difficulty) => {
  const [a, b] = random.sample(numbers(difficulty), 2) as [string, string]
  const first = Number(a) > Number(b)
  return {
    prompt: 'Which is larger?',
    scene: write([a, b], random, difficulty),
    thought: `${a}${first ? '>' : '<'}${b}`,
    answer: first ? a : b,
    answers: [a, b],
  }
}

export const arithmetic: Record<ArithmeticTask, Pose> = { add, subtract, compare, sum, larger }

function counts(random: Random, { maxCount }: Difficulty): [number, number] {
  return [random.between(1, maxCount), random.between(1, maxCount)]
}

function differentCounts(random: Random, { maxCount }: Difficulty): [number, number] {
  const values = Array.from({ length: maxCount }, (_, i) => i + 1)
  return random.sample(values, 2) as [number, number]
}

function twoColors(random: Random, difficulty: Difficulty, a: number, b: number) {
  const first = kind(random, difficulty)
  const second = kind(random, difficulty, { colors: [first.color] })
  const others = distractors(random, difficulty, 1, { colors: [first.color, second.color] })
  const groups = [{ ...first, count: a }, { ...second, count: b }, ...others]
  return {
    first: first.color,
    second: second.color,
    scene: arrange(groups, random, difficulty),
    premises: `${a} ${first.color}, ${b} ${second.color}`,
  }
}
