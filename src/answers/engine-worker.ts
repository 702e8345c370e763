import { compareAnswers } from './compare.ts'
import { compareEquations, compareExpressions } from './engine.ts'
import type { Unit } from './unit.ts'
import type { Verdict } from './verdict.ts'

/** What crosses to the worker: two answers and how to compare them; nothing asks whether the engine is loaded. */
export interface Task {
  readonly a: string
  readonly b: string
  readonly precision?: number
  readonly unit?: Unit | '%'
  readonly grading: boolean
}

// the engine reports its own mishaps on the console, where they would fall into the caller's progress
console.error = () => undefined

/** The worker's one function: the whole comparison, with the compute engine at the leaves. */
export default function compare(task: Task | 'ready'): Verdict | 'ready' {
  if (task === 'ready') return 'ready'
  const { a, b, ...options } = task
  return compareAnswers(a, b, { ...options, leaf: compareExpressions, equations: compareEquations })
}
