import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { check } from '../check.ts'
import { error } from '../errors.ts'
import { expectedParameters } from './architecture.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { contentHash, fingerprint, sameBytes } from './content.ts'
import { type GenerationConfig, readGenerationConfig } from './generation-config.ts'
import { internalName, isIgnored, type Layout, layoutOf } from './names.ts'
import { listed, readWeights, type WeightEntry, type Weights } from './weights.ts'

/** A parameter of the model: where its bytes are. `begin` and `end` are absolute offsets in `file`. */
export interface Entry extends WeightEntry {
  /** Internal name, the spelling of points. */
  name: string
}

/** A checkpoint directory whose config and headers were read and found to belong together. Holds no file open. */
export interface Checkpoint {
  /** Absolute path. */
  readonly directory: string
  readonly config: ModelConfig
  readonly generationConfig: GenerationConfig
  readonly layout: Layout
  /** Exactly the parameters `expectedParameters(config)` lists, by internal name and in that order. */
  readonly entries: ReadonlyMap<string, Entry>
  /** A stored `lm_head.weight` that the tied embedding replaces; absent in nearly every checkpoint. */
  readonly tiedHead: Entry | undefined
  readonly files: Weights['files']
  /** Absolute paths of the files that are not weights: what a copy of this checkpoint must carry along. */
  readonly sideFiles: readonly string[]
  /**
   * SHA-256 over the config and all parameters by internal name, so layout and sharding do not matter. Reads every
   * byte: for a 7.5 GB checkpoint that is about as long as `sha256sum` takes.
   */
  hash(options?: { signal?: AbortSignal }): Promise<string>
  /**
   * A quick stand-in for `hash()`: SHA-256 over the config and, of each parameter, dtype, shape and the 4 KiB in its middle.
   * Independent of file times; blind to changes that leave those samples alone.
   */
  fingerprint(): Promise<string>
}

/**
 * Opens a checkpoint directory in the Hugging Face form: `config.json` with `model.safetensors`, or with shards and
 * their index. Reads headers only.
 *
 * Throws `ERR_CHECKPOINT_NOT_FOUND`, `ERR_CHECKPOINT_CORRUPT`, `ERR_CHECKPOINT_CONFIG`, `ERR_UNKNOWN_ARCHITECTURE`,
 * `ERR_UNKNOWN_DTYPE`, and `ERR_CHECKPOINT_PARAMETERS` when a parameter is missing, unexpected or of the wrong shape.
 */
export async function openCheckpoint(directory: string): Promise<Checkpoint> {
  const root = path.resolve(check(z.string().min(1), directory, 'directory'))
  const config = await readConfig(root)
  const [weights, generationConfig, sideFiles] = await Promise.all([
    readWeights(root),
    readGenerationConfig(root, config),
    listSideFiles(root),
  ])
  const { entries, tiedHead } = matchParameters(config, weights, root)
  if (tiedHead && !(await sameBytes(tiedHead, entries.get('language_model.embed_tokens.weight')!))) {
    process.emitWarning(
      `${root}: tie_word_embeddings is true but the stored lm_head.weight differs from the embedding; the embedding is used`,
      'CheckpointWarning',
    )
  }
  return {
    directory: root,
    config,
    generationConfig,
    layout: layoutOf(weights.entries.keys()),
    entries,
    tiedHead,
    files: weights.files,
    sideFiles,
    hash: (options = {}) => contentHash(config, entries.values(), options.signal),
    fingerprint: () => fingerprint(config, entries.values()),
  }
}

function matchParameters(config: ModelConfig, weights: Weights, directory: string) {
  const found = byInternalName(weights, directory)
  const expected = expectedParameters(config)
  const tiedHead = config.tieWordEmbeddings ? found.get('lm_head.weight') : undefined
  if (tiedHead) found.delete('lm_head.weight')

  const missing = [...expected.keys()].filter((name) => !found.has(name))
  const unexpected = [...found.values()].filter(({ name }) => !expected.has(name)).map(({ storedName }) => storedName)
  const misshapen = [...expected].flatMap(([name, shape]) => {
    const entry = found.get(name)
    if (!entry || entry.shape.join() === shape.join()) return []
    return [`${entry.storedName} is [${entry.shape}] instead of [${shape}]`]
  })
  if (missing.length + unexpected.length + misshapen.length > 0) {
    const parts = [
      missing.length > 0 ? `${missing.length} missing: ${listed(missing)} (is the download complete?)` : '',
      unexpected.length > 0 ? `${unexpected.length} unexpected: ${listed(unexpected)}` : '',
      misshapen.length > 0 ? `${misshapen.length} of another shape: ${listed(misshapen)}` : '',
    ]
    throw error(
      'ERR_CHECKPOINT_PARAMETERS',
      `Expected the ${expected.size} parameters config.json describes in ${directory} but found ${parts.filter(Boolean).join('; ')}`,
    )
  }
  const entries = new Map([...expected.keys()].map((name) => [name, checkFloating(found.get(name)!)]))
  return { entries, tiedHead }
}

function byInternalName(weights: Weights, directory: string): Map<string, Entry> {
  const found = new Map<string, Entry>()
  for (const [storedName, entry] of weights.entries) {
    if (isIgnored(storedName)) continue
    const name = internalName(storedName)
    const other = found.get(name)
    if (other) {
      throw error(
        'ERR_CHECKPOINT_PARAMETERS',
        `${directory}: '${storedName}' and '${other.storedName}' are the same parameter, ${name}`,
      )
    }
    found.set(name, { ...entry, name })
  }
  return found
}

function checkFloating(entry: Entry): Entry {
  if (/^b?float/.test(entry.dtype)) return entry
  throw error(
    'ERR_UNKNOWN_DTYPE',
    `${entry.file}: ${entry.storedName}: expected a floating-point parameter but found ${entry.dtype} (quantized checkpoints are not supported)`,
  )
}

// Weights in any form, including those of other frameworks and what trainers leave beside them.
const weightFile = /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|onnx)(\.index\.json)?$/

async function listSideFiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.') && !weightFile.test(name))
  const files = names.sort().map((name) => path.join(directory, name))
  // stat and not the directory entry: in the Hub's cache every file is a link.
  const isFile = await Promise.all(files.map(async (file) => (await stat(file).catch(() => undefined))?.isFile()))
  return files.filter((_, i) => isFile[i])
}
