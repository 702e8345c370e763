import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import yauzl from 'yauzl'

// Of a wheel's 12 000 files: the headers, and the libraries `ldd libtorch.so` names. libtorch_python and test libraries stay behind.
const needed = /^torch\/(include\/.*[^/]|lib\/lib(c10|torch|torch_cpu|gomp[^/]*)\.so[^/]*)$/

export interface UnpackOptions {
  onProgress?: (done: number, total: number) => void
}

/** Unpacks `torch/lib` and `torch/include` of a wheel to `lib` and `include` in `directory`, as far as the addon needs them. */
export async function unpackWheel(wheel: string, directory: string, options: UnpackOptions = {}): Promise<void> {
  const zip = await openZip(wheel)
  try {
    const total = zip.fileSize
    const made = new Set<string>()
    for await (const entry of entries(zip)) {
      if (!needed.test(entry.fileName)) continue
      const file = path.join(directory, entry.fileName.slice('torch/'.length))
      const parent = path.dirname(file)
      if (!made.has(parent)) await mkdir(parent, { recursive: true })
      made.add(parent)
      const content = await openEntry(zip, entry)
      await pipeline(content, createWriteStream(file))
      options.onProgress?.(entry.relativeOffsetOfLocalHeader + entry.compressedSize, total)
    }
  } finally {
    zip.close()
  }
}

function openZip(file: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(file, { lazyEntries: true, autoClose: false }, (cause, zip) => (cause ? reject(cause) : resolve(zip)))
  })
}

function openEntry(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (cause, stream) => (cause ? reject(cause) : resolve(stream)))
  })
}

// yauzl rejects names that are absolute or climb out of the directory.
async function* entries(zip: yauzl.ZipFile): AsyncGenerator<yauzl.Entry> {
  for (;;) {
    const entry = await new Promise<yauzl.Entry | undefined>((resolve, reject) => {
      const settle = (result: yauzl.Entry | undefined, cause?: Error) => {
        zip.removeAllListeners()
        cause ? reject(cause) : resolve(result)
      }
      zip.once('entry', (found: yauzl.Entry) => settle(found))
      zip.once('end', () => settle(undefined))
      zip.once('error', (cause: Error) => settle(undefined, cause))
      zip.readEntry()
    })
    if (!entry) return
    yield entry
  }
}
