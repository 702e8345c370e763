import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Environment variables. All functions here follow the Python library, so that both find the same files. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where Hugging Face tools keep downloads: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`/hub, `XDG_CACHE_HOME`/huggingface/hub, `~/.cache/huggingface/hub`. */
export function hubCache(environment: Environment = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = environment
  return fromHome(HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(hubHome(environment), 'hub'), environment)
}

/** The site models come from: `HF_ENDPOINT`, or https://huggingface.co. */
export function hubEndpoint({ HF_ENDPOINT }: Environment = process.env): string {
  return HF_ENDPOINT || 'https://huggingface.co'
}

/** Whether `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` forbids the network. */
export function hubOffline({ HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE }: Environment = process.env): boolean {
  return isTrue(HF_HUB_OFFLINE || TRANSFORMERS_OFFLINE)
}

/** `HF_TOKEN`, else what `hf auth login` left in `HF_TOKEN_PATH` (by default `HF_HOME`/token); none with `HF_HUB_DISABLE_IMPLICIT_TOKEN`. */
export async function hubToken(environment: Environment = process.env): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN } = environment
  if (isTrue(HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined
  const given = (HF_TOKEN || HUGGING_FACE_HUB_TOKEN)?.trim()
  if (given) return given
  const file = fromHome(HF_TOKEN_PATH || join(hubHome(environment), 'token'), environment)
  const kept = await readFile(file, 'utf8').catch(() => '')
  return kept.trim() || undefined
}

function hubHome(environment: Environment): string {
  const { HF_HOME, XDG_CACHE_HOME } = environment
  return HF_HOME || join(XDG_CACHE_HOME || '~/.cache', 'huggingface')
}

function fromHome(path: string, { HOME }: Environment): string {
  return path.replace(/^~(?=\/|$)/, HOME || homedir())
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes(value?.toUpperCase() ?? '')
}
