const controller = new AbortController()

/** Aborted by the first SIGINT or SIGTERM. */
export const interruption: AbortSignal = controller.signal

/** Ends the process in order at the first signal and at once at the second. */
export function listenForInterrupts(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Once: without a listener the second signal does what it does by default.
    process.once(signal, () => {
      process.stderr.write('\ninterrupted: finishing what cannot be left half done (again to kill)\n')
      controller.abort()
    })
  }
}
