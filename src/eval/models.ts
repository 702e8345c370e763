import { type Endpoint, openEndpoint } from '../judge/index.ts'
import { VisionLanguageModel } from '../model/model.ts'
import type { RunConfig } from '../run/config.ts'
import { hashCheckpoint, hashJson } from '../run/hash.ts'
import type { FloatingDtype } from '../tensor/dtype.ts'
import { batchRespondent, endpointRespondent, type Respondent } from './respondent.ts'

/** A checkpoint's directory or name on the Hub, the URL of an endpoint (`http://127.0.0.1:8000/v1#model`), a loaded model, or whatever else replies. */
export type ModelSource = string | VisionLanguageModel | Respondent

export interface OpenOptions {
  batch: number
  device: string
  dtype?: FloatingDtype
  signal?: AbortSignal
}

/** What config.json says of the models. `kept`: whether the run can be continued; only then weights are hashed. */
export async function identities(
  models: Readonly<Record<string, ModelSource>>,
  kept: boolean,
  signal?: AbortSignal,
): Promise<RunConfig['models']> {
  const found: RunConfig['models'] = {}
  for (const [name, source] of Object.entries(models)) found[name] = await identity(source, kept, signal)
  return found
}

async function identity(
  source: ModelSource,
  kept: boolean,
  signal?: AbortSignal,
): Promise<RunConfig['models'][string]> {
  // Nothing can be known of the weights behind an endpoint.
  if (isUrl(source)) return { path: source, sha256: hashJson(source) }
  const path =
    typeof source === 'string' ? source : source instanceof VisionLanguageModel ? source.directory : undefined
  if (path === undefined) return { sha256: hashJson((source as Respondent).provenance) }
  return { path, sha256: kept ? await hashCheckpoint(path, signal) : '' }
}

/** What replies for `source`. Disposing it gives back what was opened here, not what the caller brought. */
export async function openModel(source: ModelSource, options: OpenOptions) {
  const { batch, device, dtype, signal } = options
  if (isUrl(source)) return owned(endpointRespondent(await endpointAt(source, batch, signal)))
  if (typeof source !== 'string' && !(source instanceof VisionLanguageModel)) return owned(source)
  const model = typeof source === 'string' ? await VisionLanguageModel.load(source, { device, dtype, signal }) : source
  const rows = model.batch({ maxRows: batch })
  return owned(await batchRespondent(model, rows), async () => {
    await rows.dispose()
    if (model !== source) await model.dispose()
  })
}

function owned(respondent: Respondent, close: () => Promise<void> = async () => {}) {
  return { respondent, [Symbol.asyncDispose]: close }
}

function isUrl(source: ModelSource): source is string {
  return typeof source === 'string' && /^https?:\/\//i.test(source)
}

function endpointAt(address: string, concurrency: number, signal?: AbortSignal): Promise<Endpoint> {
  const [url, model] = address.split('#', 2)
  return openEndpoint({ url: url!, model: model || undefined, concurrency }, signal)
}
