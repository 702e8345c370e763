export { describe, inWords } from './description.ts'
export {
  arithmeticTasks,
  colorNames,
  Difficulty,
  type Family,
  familyNames,
  perceptionTasks,
  shapeNames,
  type TaskName,
} from './difficulty.ts'
export { draw } from './draw.ts'
export { encodePng } from './png.ts'
export type { Message, WorldRecord } from './records.ts'
export { type Sample, type Split, samples } from './samples.ts'
export type { Kind, Scene, Text, Thing } from './scene.ts'
export { type SwapPair, type SwapTask, swapPairs, swapTasks } from './swap.ts'
export { WorldOptions, type WorldProgress, type WorldResult, world } from './world.ts'
