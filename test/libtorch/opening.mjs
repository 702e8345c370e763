// Two workers that open the same libraries at the same moments; prints what the preload stub said of them.
//   node opening.mjs STUB LIBRARY…
import { createRequire } from 'node:module'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const workers = 2

if (isMainThread) {
  const [stub, ...libraries] = process.argv.slice(2)
  const arrived = new Int32Array(new SharedArrayBuffer(4 * libraries.length))
  const failures = []
  let running = workers
  for (let i = 0; i < workers; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { stub, libraries, arrived } })
    worker.on('message', (words) => failures.push(...words))
    worker.on('exit', () => {
      if (--running === 0) console.log(JSON.stringify(failures))
    })
  }
} else {
  const { stub, libraries, arrived } = workerData
  const { open } = createRequire(import.meta.url)(stub)
  const failures = []
  for (const [i, library] of libraries.entries()) {
    Atomics.add(arrived, i, 1)
    while (Atomics.load(arrived, i) < workers); // spins, so that all go on within a microsecond
    try {
      open(library)
    } catch (cause) {
      failures.push(cause.message)
    }
  }
  parentPort.postMessage(failures)
}
