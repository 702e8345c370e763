import { setMaxListeners } from 'node:events'

interface InOrderOptions {
  /** Bodies that run at once. */
  concurrency: number
  /** Ends everything when it aborts; the bodies see it. */
  signal?: AbortSignal
}

/** So many results, for each body that may run, wait for an earlier one before no further body is started. One alone runs when its predecessor was taken. */
const lookahead = (concurrency: number) => (concurrency === 1 ? 1 : 4 * concurrency)

/**
 * Calls `body` on the values, several at once, and yields the results in the order of the values. The first body that throws ends
 * it with that error. When it ends early, the signal of the bodies still running aborts, and it waits for them.
 */
export async function* inOrder<Value, Result>(
  values: readonly Value[],
  { concurrency, signal: outer }: InOrderOptions,
  body: (value: Value, signal: AbortSignal) => Promise<Result>,
): AsyncGenerator<Result> {
  const ending = new AbortController()
  const signal = outer ? AbortSignal.any([outer, ending.signal]) : ending.signal
  const results: Promise<{ result: Result } | { thrown: unknown }>[] = []
  let [started, running] = [0, 0]
  const fill = (yielded: number) => {
    while (started < values.length && running < concurrency && started < yielded + lookahead(concurrency)) {
      // the one waited for still starts: its body says in its own words that it was aborted
      if (signal.aborted && started > yielded) return
      running++
      const value = values[started++]!
      // one each, so that what a body left listening goes with it
      const own = AbortSignal.any([signal])
      setMaxListeners(0, own)
      results.push(
        (async () => body(value, own))().then(
          (result) => finished({ result }),
          (thrown: unknown) => finished({ thrown }),
        ),
      )
    }
  }
  let yielded = 0
  const finished = <Outcome>(outcome: Outcome): Outcome => {
    running--
    fill(yielded)
    return outcome
  }
  try {
    for (; yielded < values.length; yielded++) {
      fill(yielded)
      const outcome = await results[yielded]!
      if ('thrown' in outcome) throw outcome.thrown
      yield outcome.result
    }
  } finally {
    started = values.length
    ending.abort()
    await Promise.all(results)
  }
}
