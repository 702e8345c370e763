import { defineConfig } from 'vitest/config'

// One forked worker: the addon keeps process-wide libtorch state, and two torch processes on two cores starve each other.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/device.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A second OpenMP thread costs tiny models more than it gives; tests of parallel kernels ask for it.
    env: { OMP_NUM_THREADS: '1' },
    reporters: ['default'],
  },
})
