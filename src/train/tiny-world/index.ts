export { tinyConfig } from './config.ts'
export { type Preset, type PresetName, presetNames, presets } from './presets.ts'
export {
  checkpointOf,
  type Stage,
  stages,
  type TinyWorld,
  type TinyWorldOptions,
  type TinyWorldProgress,
  tinyWorld,
} from './tiny-world.ts'
