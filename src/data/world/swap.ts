import type { Difficulty, PerceptionTask, TaskName } from './difficulty.ts'
import { perception } from './perception.ts'
import { stream } from './random.ts'
import type { Scene } from './scene.ts'

/** Tasks of the vision probe, in the order of its files. */
export const swapTasks = ['counting', 'ocr', 'grounding', 'recognition'] as const
export type SwapTask = (typeof swapTasks)[number]

/** Two images of one size for one prompt, with different answers. */
export interface SwapPair {
  id: string
  task: SwapTask
  prompt: string
  target: { scene: Scene; answer: string }
  source: { scene: Scene; answer: string }
  /** What is counted, located or recognised, where the question names it. */
  object?: string
}

const asks: Record<SwapTask, readonly PerceptionTask[]> = {
  counting: ['count'],
  ocr: ['word', 'number'],
  grounding: ['locate'],
  recognition: ['present'],
}

/** The tasks of which a world with these tasks has pairs: those whose questions are asked in it, so that a model trained on it can answer them. */
export function swapTasksOf({ tasks }: Difficulty): SwapTask[] {
  return swapTasks.filter((task) => asked(task, tasks).length > 0)
}

function asked(task: SwapTask, tasks: readonly TaskName[]): PerceptionTask[] {
  return asks[task].filter((name) => tasks.includes(name))
}

/** The first `count` pairs of a task; questions as in the family `perception`. */
export function* swapPairs(seed: number, task: SwapTask, count: number, difficulty: Difficulty): Generator<SwapPair> {
  const names = asked(task, difficulty.tasks)
  for (let i = 0; i < count; i++) {
    const id = `${task}_${String(i).padStart(6, '0')}`
    const random = stream(seed, `swap_${id}`)
    const { prompt, answers, show, object } = perception[random.pick(names)](random, difficulty)
    const [target, source] = random.sample(answers, 2).map((answer) => ({ answer, scene: show(answer, random) }))
    yield { id, task, prompt, target: target!, source: source!, object }
  }
}
