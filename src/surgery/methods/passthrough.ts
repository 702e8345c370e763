import { defineMethod, overall } from '../method.ts'

/** The parameter of one model as it is, times `scale`. With the scale 1 its bytes are copied. */
export const passthrough = defineMethod('passthrough', {
  parameters: { scale: overall(1) },
  base: 'none',
  models: { max: 1 },
  combine: ({ models: [model] }, { scale }) => model!.mul(scale),
})
