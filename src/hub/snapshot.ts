import { basename, dirname, join } from 'node:path'
import { exists, indexFile, readIndex, singleFile } from '../checkpoint/weights.ts'
import { error } from '../errors.ts'
import { fetchBlob } from './blob.ts'
import { linkBlob, writeRef } from './cache.ts'
import { type Hub, type RemoteFile, remoteFile, requestHeaders } from './client.ts'
import { neededSideFiles } from './files.ts'

/** A commit of a model, and where it goes: `repository` is its folder in the cache. */
export interface Snapshot {
  model: string
  revision: string
  commit: string
  files: readonly string[]
  repository: string
}

export type DownloadProgress = (done: number, total: number) => void

const connections = 4

/**
 * Brings what is needed of a commit into the cache and returns the snapshot's directory. The ref is written last, so what was there under that
 * name before stays in use until all of this is. Throws `ERR_HUB`, `HubUnreachable`, and errors of the file system.
 */
export async function fetchSnapshot(hub: Hub, snapshot: Snapshot, onProgress?: DownloadProgress): Promise<string> {
  const { repository, revision, commit } = snapshot
  const directory = join(repository, 'snapshots', commit)
  const weights = await weightFiles(hub, snapshot, directory)
  const lacking = async (names: readonly string[]) => {
    const there = await Promise.all(names.map((name) => exists(join(directory, name))))
    return describeAll(
      hub,
      snapshot,
      names.filter((_, i) => !there[i]),
    )
  }
  const side = await lacking(neededSideFiles(snapshot.files))
  const large = await lacking(weights)
  const report = progressOf([...side, ...large], onProgress)
  // Weights last: a snapshot that has them can be loaded.
  for (const files of [side, large]) await fetchFiles(hub, snapshot, files, report)
  await writeRef(repository, revision, commit)
  return directory
}

async function weightFiles(hub: Hub, snapshot: Snapshot, directory: string): Promise<string[]> {
  const { files, model, commit } = snapshot
  if (!files.includes('config.json')) throw error('ERR_HUB', `${model} at ${commit} has no config.json: is it a model?`)
  if (files.includes(singleFile)) return [singleFile]
  if (!files.includes(indexFile)) {
    throw error(
      'ERR_HUB',
      `${model} at ${commit} has neither ${singleFile} nor ${indexFile} (pickled weights must be converted to safetensors first)`,
    )
  }
  if (!(await exists(join(directory, indexFile)))) {
    await fetchFiles(hub, snapshot, await describeAll(hub, snapshot, [indexFile]))
  }
  const shards = [...new Set((await readIndex(directory))!.values())].sort()
  const absent = shards.filter((shard) => !files.includes(shard))
  if (absent.length > 0) {
    throw error('ERR_HUB', `${indexFile} of ${model} at ${commit} names ${absent.join(', ')}, which the model lacks`)
  }
  return shards
}

async function describeAll(hub: Hub, { model, commit }: Snapshot, names: readonly string[]): Promise<RemoteFile[]> {
  const described: RemoteFile[] = []
  await inParallel(names, hub.signal, async (name, signal) => {
    described.push(await remoteFile({ ...hub, signal }, model, commit, name))
  })
  return described
}

async function fetchFiles(
  hub: Hub,
  { repository, commit }: Snapshot,
  files: readonly RemoteFile[],
  report?: (file: RemoteFile, done: number) => void,
): Promise<void> {
  const blobs = join(repository, 'blobs')
  const locks = join(dirname(repository), '.locks', basename(repository))
  await inParallel(files, hub.signal, async (file, signal) => {
    const onProgress = (done: number) => report?.(file, done)
    await fetchBlob(file, { blobs, locks }, { headers: requestHeaders(hub), signal, onProgress })
    await linkBlob(join(repository, 'snapshots', commit), file.name, file.etag)
    report?.(file, file.size)
  })
}

function progressOf(files: readonly RemoteFile[], onProgress?: DownloadProgress) {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const arrived = new Map<RemoteFile, number>()
  return (file: RemoteFile, done: number) => {
    if (arrived.get(file) === done) return
    arrived.set(file, done)
    onProgress?.(
      [...arrived.values()].reduce((sum, bytes) => sum + bytes, 0),
      total,
    )
  }
}

// The first failure ends the others, and none of them is left running.
async function inParallel<Value>(
  values: readonly Value[],
  outer: AbortSignal | undefined,
  work: (value: Value, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController()
  const signal = outer ? AbortSignal.any([outer, failure.signal]) : failure.signal
  const queue = values.values()
  const workers = Array.from({ length: connections }, async () => {
    for (const value of queue) {
      signal.throwIfAborted()
      await work(value, signal)
    }
  })
  await Promise.allSettled(
    workers.map((worker) =>
      worker.catch((thrown) => {
        if (!signal.aborted) failure.abort(thrown)
      }),
    ),
  )
  signal.throwIfAborted()
}
