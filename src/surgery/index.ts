export type { Estimate } from './estimate.ts'
export { type MergeResult, merge, planOf } from './merge.ts'
export {
  defineMethod,
  flag,
  type MergeMethod,
  type MethodDefinition,
  overall,
  perModel,
  type Tensors,
} from './method.ts'
export type { MergeOptions } from './prepare.ts'
