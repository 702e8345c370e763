export { cachedSnapshot, repositoryFolder } from './cache.ts'
export { type Environment, hubCache } from './environment.ts'
export { ResolveOptions, resolveModel } from './resolve.ts'
