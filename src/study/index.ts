export type { StudyConfigInput as StudyConfig } from './config.ts'
export { readStudy } from './config.ts'
export type { StudyProgress } from './pace.ts'
export { type StudyOptions, type StudyResult, study } from './study.ts'
