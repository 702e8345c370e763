import { createRequire } from 'node:module'

/** Version of this package, written into everything it produces. */
export const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
