export { type Difference, type DiffOptions, type DiffResult, diff } from './diff.ts'
export { type Energy, type EnergyOptions, type EnergyRecord, type EnergyResult, energy } from './energy.ts'
export { type SpectrumMethod, spectrumMethods } from './singular-values.ts'
export {
  type PrincipalAngles,
  type SpectrumOptions,
  type SpectrumRecord,
  type SpectrumResult,
  spectrum,
} from './spectrum.ts'
export type { Spectrum } from './spectrum-measures.ts'
