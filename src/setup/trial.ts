import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What a process that loads the addon and multiplies two matrices reports. */
export interface AddonReport {
  torchVersion: string
  threads: number
  cudaDevices: number
}

export type Trial =
  | ({ outcome: 'works' } & AddonReport)
  | { outcome: 'refused'; code: string; message: string }
  /** Died of a signal, or ended without a word. */
  | { outcome: 'crashed'; how: string; stderr: string }
  | { outcome: 'hung'; seconds: number }

export interface TrialOptions {
  environment?: NodeJS.ProcessEnv
  /** The module to run; by default one that uses the addon. */
  file?: string
  /** Seconds after which it counts as hung; default 60. */
  limit?: number
}

/** Tries the addon in a process of its own, so that a crash of it is reported and not suffered. */
export function tryAddon(options: TrialOptions = {}): Promise<Trial> {
  const { environment = process.env, file = trialFile(), limit = 60 } = options
  return new Promise((resolve) => {
    const child = fork(file, { env: environment, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let stderr = ''
    let reported: Trial | undefined
    const timer = setTimeout(() => {
      reported ??= { outcome: 'hung', seconds: limit }
      child.kill('SIGKILL')
    }, limit * 1000)
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('message', (message) => (reported ??= message as Trial))
    child.on('error', (cause) => (reported ??= { outcome: 'crashed', how: cause.message, stderr }))
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      const how = signal ?? `exit status ${status}`
      const died = signal !== null || !reported
      resolve(
        died && reported?.outcome !== 'hung' ? { outcome: 'crashed', how, stderr: stderr.slice(-2000) } : reported!,
      )
    })
  })
}

// Node 20 cannot fork TypeScript: sources under test run the compiled file.
function trialFile(): string {
  const beside = fileURLToPath(new URL('./trial-process.js', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/setup/trial-process.js', import.meta.url))
}
