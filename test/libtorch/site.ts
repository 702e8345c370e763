import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { libraries } from '../../src/libtorch/locate.ts'
import type { Release } from '../../src/libtorch/release.ts'

/** A directory that lives as long as the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'frankentorch-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The files of a made-up torch wheel: what the addon needs, and what it does not. */
export const wheelFiles: Readonly<Record<string, string>> = {
  ...Object.fromEntries(libraries.map((name) => [`torch/lib/${name}`, `the library ${name}\n`.repeat(2000)])),
  'torch/lib/libgomp.so.1': 'the OpenMP runtime',
  'torch/lib/libtorch_python.so': 'for Python alone',
  'torch/include/torch/headeronly/version.h': '#define TORCH_VERSION \\\n  "9.8.7"\n',
  'torch/include/ATen/ATen.h': '#pragma once\n',
  'torch/__init__.py': 'raise ImportError\n',
  'torch-9.8.7+cpu.dist-info/RECORD': '',
}

export const wheel = zip(wheelFiles)

/** A release whose wheel is `wheel`, to be had at `url`. */
export function madeUpRelease(url: string): Release {
  const sha256 = createHash('sha256').update(wheel).digest('hex')
  const name = 'torch-9.8.7+cpu-cp311-cp311-manylinux_2_28_x86_64.whl'
  return { version: '9.8.7', variant: 'cpu', wheel: name, url, bytes: wheel.length, sha256 }
}

export interface Behaviour {
  content?: Buffer
  /** How many answers break off, and after how many bytes of theirs. */
  breaks?: { answers: number; after: number; hang?: boolean }
  ignoresRange?: boolean
}

/** A download site on the loopback; `ranges` lists the Range header of each request it got. */
export async function site(behaviour: Behaviour = {}): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const { content = wheel, breaks, ignoresRange } = behaviour
  const ranges: (string | undefined)[] = []
  const server = http.createServer((request, response) => {
    const { range } = request.headers
    ranges.push(range)
    const start = range && !ignoresRange ? Number(range.match(/\d+/)![0]) : 0
    const body = content.subarray(start)
    const partial = start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
    response.writeHead(partial ? 206 : 200, { 'content-length': body.length, ...partial })
    if (!breaks || ranges.length > breaks.answers) return response.end(body)
    response.write(body.subarray(0, breaks.after), () => {
      if (!breaks.hang) setTimeout(() => response.destroy(), 20)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/torch.whl`, ranges }
}

/** The address of a site that is not there: its port was free a moment ago. */
export async function closedSite(): Promise<string> {
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}/torch.whl`
}

/** A zip archive of deflated entries. */
export function zip(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text)
    const compressed = deflateRawSync(content)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(crc32(content), 10)
    fields.writeUInt32LE(compressed.length, 14)
    fields.writeUInt32LE(content.length, 18)
    fields.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), compressed])
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, place, Buffer.from(name))
    locals.push(local)
    offset += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(locals.length, 8)
  end.writeUInt16LE(locals.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, central, end])
}
