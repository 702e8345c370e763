export {
  type BootstrapOptions,
  bootstrap,
  type Interval,
  type PairedDifference,
  pairedBootstrap,
  quantile,
} from './bootstrap.ts'
export { mcnemar, type Paired, paired } from './mcnemar.ts'
export { RandomState } from './random-state.ts'
export { sampleIds } from './sample.ts'
