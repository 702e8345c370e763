import { ops } from './ops.ts'

// The operators that make tensors of nothing, as functions of their own: `zeros([2, 3], { dtype: 'bfloat16' })`.
export const { arange, empty, eye, full, linspace, logspace, ones, rand, randint, randn, randperm, zeros } = ops
