import type { Difficulty, PerceptionTask } from './difficulty.ts'
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

/** The first `count` pairs of a task; questions as in the family `perception`, so a model trained on the world can answer them. */
export function* swapPairs(seed: number, task: SwapTask, count: number, difficulty: Difficulty): Generator<SwapPair> {
  for (let i = 0; i < count; i++) {
    const id = `${task}_${String(i).padStart(6, '0')}`
    const random = stream(seed, `swap_${id}`)
    const { prompt, answers, show, object } = perception[random.pick(asks[task])](random, difficulty)
    const [target, source] = random.sample(answers, 2).map((answer) => ({ answer, scene: show(answer, random) }))
    yield { id, task, prompt, target: target!, source: source!, object }
  }
}
