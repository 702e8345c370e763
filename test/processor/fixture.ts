import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { readSafetensorsHeader } from '../../src/checkpoint/safetensors.ts'
import type { Message } from '../../src/model/processor/messages.ts'

/** Absolute path below test/fixtures. */
export function fixture(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(fixture(path), 'utf8')) as T
}

/** What scripts/fixtures.py recorded of one prompt. */
export interface Case {
  model: string
  messages: Message[]
  add_vision_id: boolean
  tensors: string
  text: string
}

export const cases = Object.entries(readJson<{ cases: Record<string, Case> }>('cases.json').cases)

/** The messages of a case with the paths of its pictures. */
export function withPaths(messages: Message[]): Message[] {
  const path = (name: unknown) => fixture(`images/${name}`)
  return messages.map(({ role, content }) => ({
    role,
    content:
      typeof content === 'string'
        ? content
        : content.map((part) => {
            if (part.type === 'image') return { ...part, image: path(part.image) }
            return part.type === 'video' ? { ...part, video: (part.video as string[]).map(path) } : part
          }),
  }))
}

/** A float32 or int64 tensor of a safetensors file as numbers, or undefined. */
export async function readTensor(path: string, name: string): Promise<{ shape: number[]; data: number[] } | undefined> {
  const file = fixture(path)
  const { tensors } = await readSafetensorsHeader(file)
  const stored = tensors.find((tensor) => tensor.storedName === name)
  if (!stored) return undefined
  const bytes = (await readFile(file)).subarray(stored.begin, stored.end)
  const { buffer } = Uint8Array.from(bytes)
  const data = stored.dtype === 'int64' ? Array.from(new BigInt64Array(buffer), Number) : [...new Float32Array(buffer)]
  return { shape: [...stored.shape], data }
}
