import { defineConfig } from 'vitest/config'

// One forked worker: the addon keeps process-wide libtorch state, and two torch processes on two cores starve each other.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default'],
  },
})
