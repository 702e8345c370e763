import { type FileHandle, open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { replaceDirectory, restoreDirectory } from '../checkpoint/output-directory.ts'
import { readSafetensorsHeader, type StoredTensor } from '../checkpoint/safetensors.ts'
import { exists } from '../checkpoint/weights.ts'
import { type TensorSpec, totalBytes, writeJson, writeSafetensors } from '../checkpoint/writer.ts'
import { error, messageOf } from '../errors.ts'
import type { TrainedPart } from '../native.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { Trainer } from './trainer.ts'

const parts = ['value', 'expAvg', 'expAvgSq'] as const satisfies TrainedPart[]
const tensorsFile = 'trainer.safetensors'
const stateFile = 'trainer.json'

const State = z.strictObject({
  schema: z.literal(1),
  /** Steps done. Order of the data, learning rate and random numbers all follow from it. */
  step: z.int().min(0),
  /** AdamW's count. */
  updates: z.int().min(0),
  /** Length of metrics.jsonl in bytes. */
  metrics: z.int().min(0),
  /** The last step after which the model was measured; -1 for none. */
  evaluated: z.int().min(-1),
  best: z.strictObject({ step: z.int(), value: z.number() }).nullable(),
})
export type State = z.output<typeof State>

/** Writes weights being trained (in the precision of the optimizer), AdamW's moments and `state` so that `directory` holds the old or the new whole. */
export async function saveState(directory: string, trainer: Trainer, state: Omit<State, 'schema'>): Promise<void> {
  const shapes = new Map(trainer.model.parameters().map(({ name, shape }) => [name, shape]))
  const dtype = trainer.model.dtype === 'float64' ? 'float64' : 'float32'
  const specs = trainer.names.flatMap((name) =>
    parts.map((part) => ({ storedName: `${name}:${part}`, name, part, dtype, shape: shapes.get(name)! }) as const),
  )
  type Spec = TensorSpec & { name: string; part: TrainedPart }
  async function* bytes({ name, part }: Spec) {
    using value = await trainer.get(name, part)
    yield await value!.bytes()
  }
  await replaceDirectory(directory, totalBytes(specs), async (temporary) => {
    await writeSafetensors<Spec>(path.join(temporary, tensorsFile), specs, bytes)
    await writeJson(path.join(temporary, stateFile), { schema: 1, ...state })
  })
}

/** Puts the trainer where `saveState` left it; undefined when nothing was saved. Throws `ERR_OUTPUT` for a state that cannot be used. */
export async function loadState(directory: string, trainer: Trainer): Promise<State | undefined> {
  await restoreDirectory(directory)
  const file = path.join(directory, stateFile)
  if (!(await exists(file))) return undefined
  try {
    const state = check(State, JSON.parse(await readFile(file, 'utf8')), file, 'ERR_OUTPUT')
    const { tensors } = await readSafetensorsHeader(path.join(directory, tensorsFile))
    await using handle = await open(path.join(directory, tensorsFile))
    for (const stored of tensors) {
      using value = await readTensor(handle, stored)
      const [name, part] = stored.storedName.split(':') as [string, TrainedPart]
      await trainer.set(name, part, value)
    }
    await trainer.setUpdates(state.updates)
    return state
  } catch (cause) {
    throw error('ERR_OUTPUT', `${directory} cannot be resumed: ${messageOf(cause)}. Start over with --overwrite`, {
      cause,
    })
  }
}

async function readTensor(handle: FileHandle, { dtype, shape, begin, end }: StoredTensor): Promise<Tensor> {
  const bytes = new Uint8Array(end - begin)
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, begin + done)
    if (bytesRead === 0) throw new RangeError('the file ends early')
    done += bytesRead
  }
  return tensor(dtype === 'float64' ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer), shape)
}
