export { readPairs, type VisionPair } from './pairs.ts'
export type { SwapRecord, SwapSummary } from './summary.ts'
export { type VisionOptions, type VisionResult, vision } from './vision.ts'
