import { z } from 'zod'
import { canonicalJson, hashBytes, hashJson } from '../canonical-json.ts'
import { check, expected } from '../check.ts'
import { Program } from '../tensor/program.ts'
import { programFromJson, programToJson } from '../tensor/program-json.ts'
import { Tensor } from '../tensor/tensor.ts'
import { checkIntervention, type Intervention } from './interventions.ts'

/** An intervention as JSON; its tensors stand apart, by the SHA-256 of their bytes. */
export interface SerializedIntervention {
  json: Record<string, unknown>
  tensors: Record<string, Tensor>
}

const TensorReference = z.strictObject({ sha256: z.string(), dtype: z.string(), shape: z.array(z.int()) })

/**
 * Defaults are written out, so interventions that mean the same have the same JSON. The tensors are the caller's own, not copies;
 * those of a program are handles of what it owns.
 */
export async function interventionToJson(intervention: Intervention): Promise<SerializedIntervention> {
  const tensors: Record<string, Tensor> = {}
  const write = async (value: unknown): Promise<unknown> => {
    if (value instanceof Tensor) {
      const sha256 = hashBytes(await value.bytes())
      tensors[sha256] = value
      return { sha256, dtype: value.dtype, shape: [...value.shape] }
    }
    if (value instanceof Program) return programToJson(value, write)
    if (Array.isArray(value)) return Promise.all(value.map(write))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
    return Object.fromEntries(
      await Promise.all(entries.map(async ([key, inner]) => [key, await write(inner)] as const)),
    )
  }
  const json = (await write(checkIntervention(intervention))) as Record<string, unknown>
  return { json: JSON.parse(canonicalJson(json)) as Record<string, unknown>, tensors }
}

/** The way back. Throws `ERR_INVALID_ARGUMENT` for a tensor that is not given or has another dtype or shape. */
export function interventionFromJson(json: unknown, tensors: Readonly<Record<string, Tensor>> = {}): Intervention {
  const read = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(read)
    if (typeof value !== 'object' || value === null) return value
    if ('sha256' in value) return referred(value, tensors)
    if ('instructions' in value) return programFromJson(value, (reference) => referred(reference, tensors))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, read(inner)]))
  }
  return checkIntervention(read(json), 'json')
}

function referred(reference: object, tensors: Readonly<Record<string, Tensor>>): Tensor {
  const { sha256, dtype, shape } = check(TensorReference, reference, 'json.tensor')
  const tensor = tensors[sha256]
  if (tensor && tensor.dtype === dtype && String(tensor.shape) === String(shape)) return tensor
  throw expected(`a ${dtype} tensor of shape [${shape.join(', ')}]`, `tensors['${sha256}']`, tensor && String(tensor))
}

/** SHA-256 of the intervention's canonical JSON: what a result names it by. */
export async function interventionHash(intervention: Intervention): Promise<string> {
  return hashJson((await interventionToJson(intervention)).json)
}
