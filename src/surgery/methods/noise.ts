import { defineMethod, overall } from '../method.ts'

/**
 * (1 − r) W + r std(W) N(0, 1): a parameter drowned in noise of its own size (arXiv 2602.12395, `ablate`). Seeded, so that the same
 * recipe gives the same bytes; std is that of the whole parameter, unbiased.
 */
export const noise = defineMethod('noise', {
  parameters: { ratio: overall(undefined, { min: 0, max: 1 }) },
  base: 'none',
  models: { max: 1 },
  measure: ({ models: [model] }) => [model!.std(true)],
  combine: ({ models: [model], normal }, { ratio }, [deviation]) =>
    model!.mul(1 - ratio).add(normal(model!).mul(deviation!).mul(ratio)),
})
