import type { WorldOptions } from '../../data/world/index.ts'

export const presetNames = ['quick', 'default', 'thorough'] as const
export type PresetName = (typeof presetNames)[number]

/** How a stage is trained; `steps` of `batch` conversations. */
export interface ColdStart {
  steps: number
  batch: number
  lr: number
}

/** `batch` prompts a step with `group` replies each. */
export interface Reinforcement extends ColdStart {
  group: number
  maxNewTokens: number
}

export interface Preset {
  world: Omit<WorldOptions, 'out' | 'seed' | 'overwrite' | 'signal' | 'onProgress'>
  /** Base: descriptions and short answers. */
  base: ColdStart
  /** IN: a chain of thought before the answer. */
  in: ColdStart
  /** RL from IN by verifiable rewards. */
  rl: Reinforcement
}

// Nine cells of 28 × 28 pixels, each of which is one visual token, and things in the middle of their cells: what a model of half a million parameters learns to
// see in a thousand steps. With cells of other sizes or with jitter it needs several times as many. The teacher of the cold start answers wrong and without a
// thought in almost half of its replies, and so does IN at temperature 1: that thinking pays is what is left to reinforcement learning.
// Left out is what stayed near chance after two thousand steps (locate, side, shape: only rotary angles tell a token's place, and two hops are needed from a color to
// a shape), and words, of which the few that are held out were all read or none.
const world: Preset['world'] = {
  size: 84,
  grid: 3,
  maxCount: 3,
  distractors: 2,
  jitter: 0,
  guess: 0.45,
  tasks: ['count', 'color', 'present', 'number', 'add', 'subtract', 'compare', 'sum', 'larger'],
}

/** `bench/tiny-world.ts` measures them. */
export const presets: Record<PresetName, Preset> = {
  // Fewer tasks and a teacher that errs less: with those of the others, IN would not yet think better than it guesses after so few steps, and RL would teach it nothing.
  quick: {
    world: {
      ...world,
      guess: 0.3,
      tasks: ['count', 'color', 'number', 'add', 'larger'],
      train: 6000,
      test: 600,
      pairs: 20,
    },
    base: { steps: 800, batch: 32, lr: 2e-3 },
    in: { steps: 500, batch: 32, lr: 1e-3 },
    rl: { steps: 40, batch: 16, group: 8, lr: 1.5e-4, maxNewTokens: 40 },
  },
  default: {
    world: { ...world, train: 12000, test: 900, pairs: 50 },
    base: { steps: 2400, batch: 32, lr: 2e-3 },
    in: { steps: 600, batch: 32, lr: 1e-3 },
    rl: { steps: 80, batch: 16, group: 8, lr: 1.5e-4, maxNewTokens: 40 },
  },
  thorough: {
    world: { ...world, train: 30000, test: 1500, pairs: 100 },
    base: { steps: 5000, batch: 32, lr: 2e-3 },
    in: { steps: 1500, batch: 32, lr: 1e-3 },
    rl: { steps: 150, batch: 32, group: 8, lr: 1.5e-4, maxNewTokens: 40 },
  },
}
