export { type ModelServer, type ServeOptions, serve } from './serve.ts'
