import { error } from '../../errors.ts'
import { arithmetic } from './arithmetic.ts'
import { describe, inWords } from './description.ts'
import type { ArithmeticTask, Difficulty, Family, PerceptionTask, TaskName } from './difficulty.ts'
import { tasksOf } from './difficulty.ts'
import { perception } from './perception.ts'
import { hash32, type Random, stream } from './random.ts'
import type { Scene } from './scene.ts'

export type Split = 'train' | 'test'

export interface Sample {
  /** `train_perception_count_000003`. */
  id: string
  family: Family
  /** Family and task: `perception/count`. */
  task: `${Family}/${TaskName}`
  prompt: string
  answer: string
  /** What a guess may say, the answer among it. */
  answers: readonly string[]
  /** A short chain of thought that ends in the answer. */
  thought: string
  /** Text from which the prompt can be answered without the image; absent in `reasoning`, whose prompt contains it. */
  description?: string
  /** What the image shows; absent in `reasoning`. */
  scene?: Scene
}

/** One sample in eight of what can be drawn is kept for the test split. */
const heldOut = 8
const tries = 2000

/**
 * The first `count` samples of a split: families in turn, inside each its tasks in turn. Every sample has a random stream of its own,
 * named by its id, so leaving out a family or asking for more samples changes none of the others. No train sample equals a test sample
 * (same prompt and same scene, to the pixel). Throws `ERR_INVALID_ARGUMENT` where the options leave too few different samples for that.
 */
export function* samples(seed: number, split: Split, count: number, difficulty: Difficulty): Generator<Sample> {
  const { families } = difficulty
  for (let i = 0; i < count; i++) {
    const family = families[i % families.length]!
    const turn = Math.floor(i / families.length)
    const tasks = tasksOf(family, difficulty.tasks)
    yield sample(seed, split, family, tasks[turn % tasks.length]!, Math.floor(turn / tasks.length), difficulty)
  }
}

function sample(
  seed: number,
  split: Split,
  family: Family,
  task: TaskName,
  index: number,
  difficulty: Difficulty,
): Sample {
  const id = `${split}_${family}_${task}_${String(index).padStart(6, '0')}`
  const random = stream(seed, id)
  for (let i = 0; i < tries; i++) {
    const drawn = draw(family, task, random, difficulty)
    if (splitOf(drawn) === split) return { id, family, task: `${family}/${task}`, ...drawn }
  }
  throw error(
    'ERR_INVALID_ARGUMENT',
    `Found no ${split} sample of ${family}/${task} in ${tries} draws: with these options there are too few different ones to hold ` +
      'some out of training. Raise colors, shapes, maxCount, words or digits, or leave the task out',
  )
}

type Drawn = Pick<Sample, 'prompt' | 'answer' | 'answers' | 'thought' | 'description' | 'scene'>

function draw(family: Family, task: TaskName, random: Random, difficulty: Difficulty): Drawn {
  if (family === 'perception') {
    const question = perception[task as PerceptionTask](random, difficulty)
    const answer = random.pick(question.answers)
    const scene = question.show(answer, random)
    const description = describe(scene, { boxes: task === 'locate' })
    return {
      prompt: question.prompt,
      answer,
      answers: question.answers,
      thought: question.thought(answer),
      description,
      scene,
    }
  }
  const { scene, ...problem } = arithmetic[task as ArithmeticTask](random, difficulty)
  const description = describe(scene)
  if (family === 'vision_to_reasoning') return { ...problem, description, scene }
  return { ...problem, prompt: inWords(description, problem.prompt) }
}

// By content alone: neither split needs to know the other, and a sample stays on its side whatever is drawn beside it.
function splitOf({ prompt, scene }: Drawn): Split {
  return hash32(JSON.stringify([prompt, scene ?? null])) % heldOut === 0 ? 'test' : 'train'
}
