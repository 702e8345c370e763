/** Where a run stands, told after each sample. */
export interface Progress {
  /** Samples finished, those of earlier processes and failed ones included. */
  done: number
  total: number
  failed: number
  /** Samples a second since this process took up the run; undefined before the first. */
  rate?: number
  /** Seconds until the last sample at that rate. */
  remainingS?: number
}

/** Counts samples and estimates the time left from those of this process alone: skipped ones cost nothing. */
export class ProgressMeter {
  private readonly begun = performance.now()
  private finishedHere = 0
  private done: number
  private failed: number
  private readonly total: number

  constructor(total: number, done: number, failed: number) {
    this.total = total
    this.done = done
    this.failed = failed
  }

  sampleFinished(failed: boolean): Progress {
    this.finishedHere++
    this.done++
    if (failed) this.failed++
    return this.now()
  }

  now(): Progress {
    const { done, total, failed } = this
    if (this.finishedHere === 0) return { done, total, failed }
    const rate = this.finishedHere / ((performance.now() - this.begun) / 1000)
    return { done, total, failed, rate, remainingS: (total - done) / rate }
  }
}
