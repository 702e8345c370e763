import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { error, FrankentorchError, messageOf } from '../errors.ts'
import { version } from '../version.ts'
import { RunConfig, requireSameConfig } from './config.ts'
import { LineFile, removeStaleTemporaries, writeAtomic, writeJson } from './files.ts'
import { inOrder } from './in-order.ts'
import { Journal, requireSameSamples } from './journal.ts'
import { takeLock } from './lock.ts'
import { type Progress, ProgressMeter } from './progress.ts'
import { parseLines } from './records.ts'

export interface RunOptions {
  /** The run's directory; made when it does not exist. Without it the run lies in a temporary one that `close` deletes. */
  out?: string
  /** What is run, as on the command line: `probe vision`. */
  command: string
  /** Every argument that decides the records. */
  arguments: RunConfig['arguments']
  models?: RunConfig['models']
  data?: RunConfig['data']
  /** Delete the files of a run found in `out` instead of continuing it. Default false. */
  overwrite?: boolean
  signal?: AbortSignal
  onProgress?: (progress: Progress) => void
}

/** A line of `failures.jsonl`. */
export interface Failure {
  /** The record file the sample would have gone to. */
  file: string
  sample: string
  /** Null for an error that is not one of ours. */
  code: string | null
  message: string
}

/** What became of a sample: its records, or why there are none. */
interface Outcome {
  id: string
  seconds: number
  records: readonly object[]
  failure?: Failure
}

const configFile = 'config.json'
const failuresFile = 'failures.jsonl'
const timingsFile = 'timings.jsonl'

/**
 * Opens a run directory: a new one, or the same command's with the same config, which then continues where it stopped.
 * Throws `ERR_RUN_MISMATCH` when the directory holds another run (unless `overwrite`) or a `config.json` that is none,
 * `ERR_RUN_LOCKED` while another process writes it, `ERR_OUTPUT` when it cannot be written.
 */
export async function openRun(options: RunOptions): Promise<Run> {
  const { command, models = {}, data = {}, overwrite = false } = options
  const out = options.out ?? (await mkdtemp(join(tmpdir(), 'frankentorch-run-')))
  const config: RunConfig = { schema: 1, command, arguments: options.arguments, models, data, version }
  await mkdir(out, { recursive: true }).catch((thrown) => {
    throw error('ERR_OUTPUT', `Cannot create ${out}: ${messageOf(thrown)}`, { cause: thrown })
  })
  const unlock = await takeLock(join(out, 'run.lock'))
  try {
    const found = await readConfig(out)
    if (found && overwrite) await deleteRun(out)
    else if (found) requireSameConfig(out, found, config)
    if (!found || overwrite) await writeJson(join(out, configFile), config)
    await removeStaleTemporaries(out)
    return new Run(out, options, config, await Journal.open(out), unlock)
  } catch (thrown) {
    await unlock()
    throw thrown
  }
}

/**
 * Opens the run that lies in `out` as it is, to read its records and write outputs again from them; `version` of its config stays that of its records.
 * Throws `ERR_RUN_MISMATCH` when there is none, or it is not of `command`, and `ERR_RUN_LOCKED`.
 */
export async function reopenRun({
  out,
  command,
  signal,
}: {
  out: string
  command: string
  signal?: AbortSignal
}): Promise<Run> {
  const config = await readConfig(out)
  if (config?.command !== command) {
    throw error(
      'ERR_RUN_MISMATCH',
      `Expected a run of '${command}' in ${out} but found ${config ? `one of '${config.command}'` : 'none'}`,
    )
  }
  const unlock = await takeLock(join(out, 'run.lock'))
  try {
    const options = { out, command, arguments: config.arguments, signal }
    await removeStaleTemporaries(out)
    return new Run(out, options, config, await Journal.open(out), unlock)
  } catch (thrown) {
    await unlock()
    throw thrown
  }
}

/** A run directory held by this process: samples go in, records, failures and outputs come to lie in its files. */
export class Run implements AsyncDisposable {
  readonly directory: string
  readonly config: RunConfig
  private readonly temporary: boolean
  private readonly journal: Journal
  private readonly unlock: () => Promise<void>
  private readonly signal?: AbortSignal
  private readonly onProgress?: (progress: Progress) => void

  /** @internal Use `openRun`. */
  constructor(
    directory: string,
    { out, signal, onProgress }: RunOptions,
    config: RunConfig,
    journal: Journal,
    unlock: () => Promise<void>,
  ) {
    this.directory = directory
    this.config = config
    this.temporary = out === undefined
    this.journal = journal
    this.unlock = unlock
    this.signal = signal
    this.onProgress = onProgress
  }

  /**
   * Calls `body` for each sample not yet finished, in order, and appends the records it returns to `file`. A sample is finished when
   * its records are on the disk: a killed run repeats at most one, and its files end up byte-identical to an undisturbed run's.
   * A sample whose body throws leaves a line in `failures.jsonl` and no record, and the next one follows; an abort or a disposed
   * model, or an endpoint that cannot be used, ends the loop with that error.
   *
   * With `concurrency` so many bodies run at once; their records still come in order, so a killed run repeats those that had not
   * reached the disk. The signal a body gets aborts when the loop ends early.
   */
  async forEach<Sample extends { id: string }>(
    file: string,
    samples: readonly Sample[],
    body: (sample: Sample, signal: AbortSignal) => Promise<readonly object[]>,
    { concurrency = 1 }: { concurrency?: number } = {},
  ): Promise<Progress> {
    const finished = this.journal.samples(file)
    requireSameSamples(
      this.directory,
      finished,
      samples.map(({ id }) => id),
    )
    const failedBefore = finished.filter(({ failed }) => failed).length
    const meter = new ProgressMeter(samples.length, finished.length, failedBefore)
    this.onProgress?.(meter.now())
    const files = await this.openLines(file)
    try {
      const outcomes = inOrder(samples.slice(finished.length), { concurrency }, (sample, signal) => {
        this.throwIfAborted()
        return this.outcomeOf(file, sample, (sample) => body(sample, signal))
      })
      for await (const { id, seconds, ...outcome } of outcomes) {
        await this.commit(files, file, id, outcome)
        await files.timings.append([{ file, sample: id, seconds }], { sync: false })
        const progress = meter.sampleFinished(outcome.failure !== undefined)
        this.onProgress?.(progress)
      }
    } finally {
      await Promise.all(Object.values(files).map((lines) => lines.close()))
    }
    return meter.now()
  }

  /** How many samples of `file` are finished, failed ones included. */
  finished(file: string): number {
    return this.journal.samples(file).length
  }

  /** The records written to `file` so far, those of earlier processes included. */
  async records<Row>(file: string): Promise<Row[]> {
    return (await parseLines(join(this.directory, file))).map(({ value }) => value as Row)
  }

  async failures(): Promise<Failure[]> {
    return this.records<Failure>(failuresFile)
  }

  /** Writes an output of the run at once or not at all; `file` is relative to its directory. Returns the path. */
  async write(file: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.directory, file)
    await this.journal.addOutput(file)
    await writeAtomic(path, content)
    return path
  }

  async writeJson(file: string, value: unknown): Promise<string> {
    return this.write(file, `${JSON.stringify(value, null, 2)}\n`)
  }

  /** Counts a file or folder that is written by other means, relative to the directory, among what an overwritten run loses. */
  async addOutput(name: string): Promise<void> {
    await this.journal.addOutput(name)
  }

  /** Gives the directory back. The run can be opened again and continues. */
  async close(): Promise<void> {
    await this.journal.close()
    await this.unlock()
    if (this.temporary) await rm(this.directory, { recursive: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private async openLines(file: string) {
    const open = (name: string) => LineFile.open(join(this.directory, name))
    const [records, failures, timings] = [await open(file), await open(failuresFile), await open(timingsFile)]
    await records.truncate(this.journal.endOf(file))
    await failures.truncate(this.journal.endOf(failuresFile))
    return { records, failures, timings }
  }

  private async outcomeOf<Sample extends { id: string }>(
    file: string,
    sample: Sample,
    body: (sample: Sample) => Promise<readonly object[]>,
  ): Promise<Outcome> {
    const begun = performance.now()
    const outcome = await body(sample).then(
      (records) => ({ records }),
      (thrown) => ({ records: [], failure: this.failureOf(file, sample.id, thrown) }),
    )
    return { id: sample.id, seconds: Number(((performance.now() - begun) / 1000).toFixed(3)), ...outcome }
  }

  private async commit(
    files: { records: LineFile; failures: LineFile },
    file: string,
    sample: string,
    { records, failure }: Pick<Outcome, 'records' | 'failure'>,
  ): Promise<void> {
    if (failure) await files.failures.append([failure])
    else await files.records.append(records)
    const ends = { [file]: files.records.end, [failuresFile]: files.failures.end }
    await this.journal.add({ file, sample, failed: failure !== undefined, ends })
  }

  private failureOf(file: string, sample: string, thrown: unknown): Failure {
    this.throwIfAborted()
    if (endsRun(thrown)) throw thrown
    const code = thrown instanceof FrankentorchError ? thrown.code : null
    return { file, sample, code, message: messageOf(thrown) }
  }

  private throwIfAborted(): void {
    if (this.signal?.aborted) {
      const remedy = this.temporary ? '' : `; the same command continues the run in ${this.directory}`
      throw error('ERR_ABORTED', `Aborted${remedy}`)
    }
  }
}

/** Whether no sample can be expected to fare better than the one that threw this. */
export function endsRun(thrown: unknown): boolean {
  const code = thrown instanceof FrankentorchError ? thrown.code : null
  return code === 'ERR_ABORTED' || code === 'ERR_DISPOSED' || code === 'ERR_ENDPOINT'
}

async function readConfig(directory: string): Promise<RunConfig | undefined> {
  const path = join(directory, configFile)
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const config = RunConfig.safeParse(parseJson(text))
  if (config.success) return config.data
  throw error('ERR_RUN_MISMATCH', `${path} is not the config of a run: choose another directory for the output`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// Only what the journal says the run wrote: a directory may hold a user's notes, or another run in a folder of its own.
async function deleteRun(directory: string): Promise<void> {
  const journal = await Journal.open(directory)
  await journal.close()
  const written = journal.files().filter((file) => !relative('.', file).startsWith('..'))
  const files = [configFile, failuresFile, timingsFile, Journal.file, ...written]
  for (const file of files) await rm(join(directory, file), { force: true, recursive: true })
}
