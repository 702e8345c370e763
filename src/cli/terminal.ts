import type { Progress } from '../run/progress.ts'

const plainEveryMs = 10_000

/** Whatever is not a result goes to stderr, and with `--quiet` nowhere. */
export interface Terminal {
  note(text: string): void
  progress(label: string): ProgressDisplay
}

/** Called with each progress; `stop` leaves the terminal as it was. */
export type ProgressDisplay = ((progress: Progress) => void) & { stop(): void }

export async function openTerminal({ quiet = false }: { quiet?: boolean }): Promise<Terminal> {
  if (quiet) return { note: () => {}, progress: () => Object.assign(() => {}, { stop: () => {} }) }
  const note = (text: string) => void process.stderr.write(`${text}\n`)
  if (!process.stderr.isTTY) return { note, progress: plainProgress }
  const { default: cliProgress } = await import('cli-progress')
  return { note, progress: (label) => barProgress(new cliProgress.SingleBar(barOptions(label))) }
}

/** A display of bytes, done and in all, counted in megabytes. */
export function inMegabytes(display: ProgressDisplay): (done: number, total: number) => void {
  return (done, total) => {
    const whole = Math.ceil(total / 1e6)
    display({ done: done === total ? whole : Math.floor(done / 1e6), total: whole, failed: 0 })
  }
}

/** `12 of 200, 0.8 a second, 3 min 55 s left, 1 failed` */
export function describeProgress({ done, total, failed, rate, remainingS }: Progress): string {
  const parts = [`${done} of ${total}`]
  if (rate !== undefined) parts.push(rate >= 1 ? `${rate.toFixed(1)} a second` : `${(1 / rate).toFixed(1)} s each`)
  if (remainingS !== undefined && done < total) parts.push(`${duration(remainingS)} left`)
  if (failed > 0) parts.push(`${failed} failed`)
  return parts.join(', ')
}

function duration(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds) % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`
}

// A log keeps every line: the first, the last, and one now and then.
function plainProgress(label: string) {
  let shown = { at: Number.NEGATIVE_INFINITY, text: '' }
  const show = (progress: Progress) => {
    const now = performance.now()
    if (now - shown.at < plainEveryMs && progress.done < progress.total) return
    const text = describeProgress(progress)
    if (text === shown.text) return
    shown = { at: now, text }
    process.stderr.write(`${label}: ${text}\n`)
  }
  return Object.assign(show, { stop: () => {} })
}

interface Bar {
  isActive: boolean
  start(total: number, value: number, payload: object): void
  update(value: number, payload: object): void
  stop(): void
}

function barOptions(label: string) {
  return { format: `${label} {bar} {text}`, barsize: 24, hideCursor: true, stream: process.stderr, gracefulExit: false }
}

function barProgress(bar: Bar) {
  const show = (progress: Progress) => {
    const payload = { text: describeProgress(progress) }
    if (bar.isActive) bar.update(progress.done, payload)
    else bar.start(progress.total, progress.done, payload)
  }
  return Object.assign(show, { stop: () => bar.isActive && bar.stop() })
}
