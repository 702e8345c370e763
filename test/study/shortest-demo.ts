import type { DemoPreset } from '../../src/study/index.ts'

/** Seconds instead of minutes: nothing is learnt, every part runs. */
export const shortestDemo: DemoPreset = {
  training: {
    world: { size: 84, grid: 3, maxCount: 3, distractors: 2, jitter: 0, train: 60, test: 60, pairs: 2 },
    base: { steps: 2, batch: 4, lr: 2e-3 },
    in: { steps: 2, batch: 4, lr: 1e-3 },
    rl: { steps: 1, batch: 2, group: 2, lr: 2e-4, maxNewTokens: 8 },
  },
  pairs: 1,
  ablated: 2,
  attended: 1,
  asked: 4,
}
