const controller = new AbortController()

/** Aborted by the first SIGINT or SIGTERM. */
export const interruption: AbortSignal = controller.signal

const signals = ['SIGINT', 'SIGTERM'] as const

/** Makes the first signal abort `interruption`, so that the command ends in order; the second ends the process at once. */
export function listenForInterrupts(): void {
  const interrupt = () => {
    // Without a listener a signal does what it does by default.
    for (const signal of signals) process.removeListener(signal, interrupt)
    process.stderr.write('\ninterrupted: finishing what cannot be left half done (again to kill)\n')
    controller.abort()
  }
  for (const signal of signals) process.on(signal, interrupt)
}
