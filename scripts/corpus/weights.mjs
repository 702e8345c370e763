// Damaged weight files.

import { mkdirSync, symlinkSync } from 'node:fs'

const file = 'model.safetensors'
const norm = 'model.norm.weight'
const corrupt = 'ERR_CHECKPOINT_CORRUPT'
const parameters = 'ERR_CHECKPOINT_PARAMETERS'

function parts(bytes) {
  const length = Number(bytes.readBigUInt64LE())
  return { header: bytes.subarray(8, 8 + length), data: bytes.subarray(8 + length) }
}

function joined(header, data, length = header.length) {
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(length))
  return Buffer.concat([prefix, header, data])
}

/** The whole file, changed. */
function bytes(name, names, change, code = corrupt) {
  return { name: `weights ${name}`, code, names, damage: (files) => files.write(file, change(files.read(file))) }
}

/** The text of the header, changed; the length before it fits. */
function text(name, names, change, code = corrupt) {
  return bytes(
    name,
    names,
    (all) => {
      const { header, data } = parts(all)
      return joined(Buffer.from(change(header.toString())), data)
    },
    code,
  )
}

/** The entries of the header, changed. */
function header(name, names, change, code = corrupt) {
  return text(
    name,
    names,
    (json) => {
      const entries = JSON.parse(json)
      change(entries)
      return JSON.stringify(entries)
    },
    code,
  )
}

const entry = (name, names, change, code) => header(name, names, (entries) => change(entries[norm], entries), code)
const length = (name, names, value) =>
  bytes(name, names, (all) => joined(parts(all).header, parts(all).data, value(parts(all).header.length)))

const single = [
  {
    name: 'weights missing',
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    names: file,
    damage: (files) => files.remove(file),
  },
  {
    name: 'weights that are a directory',
    code: corrupt,
    names: file,
    damage(files) {
      files.remove(file)
      mkdirSync(files.path(file))
    },
  },
  {
    name: 'weights that are a link to nothing',
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    names: file,
    damage(files) {
      files.remove(file)
      symlinkSync('nothing', files.path(file))
    },
  },
  bytes('of no bytes', file, () => Buffer.alloc(0)),
  bytes('of seven bytes', file, (all) => all.subarray(0, 7)),
  bytes('that end within the header', 'ends after', (all) => all.subarray(0, 1000)),
  bytes('that end with the header', 'is the download complete', (all) => joined(parts(all).header, Buffer.alloc(0))),
  bytes('that lack half', 'is the download complete', (all) => all.subarray(0, all.length / 2)),
  bytes('that lack one byte', 'is the download complete', (all) => all.subarray(0, -1)),
  bytes('with a byte too many', file, (all) => Buffer.concat([all, Buffer.alloc(1)])),
  bytes('of zeros', file, (all) => Buffer.alloc(all.length)),
  bytes('that are a zip archive (pickle)', file, (all) => Buffer.concat([Buffer.from('PK\u0003\u0004'), all])),
  bytes('that are a Git LFS pointer', file, () =>
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
  ),
  length('with a header longer than the file', 'ends after', () => 50_000_000),
  length('with a header length of 2^64 - 1', 'at most', () => 2n ** 64n - 1n),
  length('with a header length of 2^63', 'at most', () => 2n ** 63n),
  length('with a header length of 0', file, () => 0),
  length('with a header a byte too short', file, (right) => right - 1),
  length('with a header that takes data in', file, (right) => right + 64),
  text('whose header is no JSON', 'JSON', (json) => json.replace(':', ';')),
  text('whose header is an array', "'{'", (json) => `[${json}]`),
  text('whose header begins with a space', "'{'", (json) => ` ${json}`),
  text('whose header has a name twice', 'occurs twice', (json) => `${json.trimEnd().slice(0, -1)},"${norm}":{}}`),
  text('whose header is nested deeply', file, () => `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  bytes('whose header is no UTF-8', 'JSON', (all) => joined(Buffer.from('{"\xff":{}}', 'latin1'), parts(all).data)),
  header('whose metadata is a list', '__metadata__', (entries) => {
    entries.__metadata__ = ['pt']
  }),
  entry('with overlapping offsets', 'overlaps', (one) => {
    const [begin, end] = one.data_offsets
    one.data_offsets = [begin - 4, end - 4]
  }),
  entry('with negative offsets', norm, (one) => {
    one.data_offsets = [-192, 0]
  }),
  entry('with offsets beyond the file', norm, (one) => {
    one.data_offsets = one.data_offsets.map((offset) => offset + 10_000_000)
  }),
  entry('with offsets in reverse', norm, (one) => one.data_offsets.reverse()),
  entry('with fractional offsets', norm, (one) => {
    one.data_offsets = one.data_offsets.map((offset) => offset + 0.5)
  }),
  entry('with offsets above 2^53', norm, (one) => {
    one.data_offsets = [2 ** 60, 2 ** 60 + 192]
  }),
  entry('with offsets as text', norm, (one) => {
    one.data_offsets = one.data_offsets.map(String)
  }),
  entry('with three offsets', norm, (one) => one.data_offsets.push(0)),
  entry('without offsets', norm, (one) => delete one.data_offsets),
  entry('with a shape that overflows', norm, (one) => {
    one.shape = [2 ** 32, 2 ** 32]
  }),
  entry('with a shape that overflows to the right size', norm, (one) => {
    one.shape = [2 ** 52, 2 ** 12, 48]
  }),
  entry('with a negative shape', norm, (one) => {
    one.shape = [-48]
  }),
  entry('with a fractional shape', norm, (one) => {
    one.shape = [48.5]
  }),
  entry('with a shape of another size', norm, (one) => {
    one.shape = [47]
  }),
  entry('with a shape that is no list', norm, (one) => {
    one.shape = 48
  }),
  entry('without a dtype', norm, (one) => delete one.dtype),
  entry('with a field of its own', 'stride', (one) => {
    one.stride = [1]
  }),
  entry('with a gap', 'belong to no tensor', (_, entries) => delete entries[norm]),
  ...['F8_E4M3', 'I4', 'f32', 'constructor'].map((dtype) =>
    entry(`of dtype ${dtype}`, dtype, (one) => Object.assign(one, { dtype }), 'ERR_UNKNOWN_DTYPE'),
  ),
  entry('of integers', 'int32', (one) => Object.assign(one, { dtype: 'I32' }), 'ERR_UNKNOWN_DTYPE'),
  entry('of another shape', `${norm} is [1,48]`, (one) => one.shape.unshift(1), parameters),
  header('under another name', `1 missing: language_model.norm.weight`, rename(norm, 'model.norm.gamma'), parameters),
  header('of a name none knows', '1 unexpected: model.norm.gamma', rename(norm, 'model.norm.gamma'), parameters),
  header(
    'under both spellings',
    'are the same parameter',
    rename('model.layers.0.input_layernorm.weight', 'model.language_model.norm.weight'),
    parameters,
  ),
]

function rename(from, to) {
  return (entries) => {
    entries[to] = entries[from]
    delete entries[from]
  }
}

const first = 'model-00001-of-00003.safetensors'
const second = 'model-00002-of-00003.safetensors'
const index = 'model.safetensors.index.json'

function shards(name, code, names, damage) {
  return { name: `shards ${name}`, code, names, fixture: 'v5-sharded', damage }
}

const sharded = [
  shards('of which one is missing', 'ERR_CHECKPOINT_NOT_FOUND', second, (files) => files.remove(second)),
  shards('of which one is truncated', corrupt, second, (files) =>
    files.write(second, files.read(second).subarray(0, -100)),
  ),
  shards('of which one is empty', corrupt, second, (files) => files.write(second, '')),
  shards('of which one is another', parameters, first, (files) => files.write(first, files.read(second))),
  shards('without an index', 'ERR_CHECKPOINT_NOT_FOUND', index, (files) => files.remove(index)),
  shards('whose index is no JSON', corrupt, index, (files) => files.write(index, '{')),
  shards('whose index is a list', corrupt, index, (files) => files.write(index, '[]')),
  shards('whose index has no map', corrupt, 'weight_map', (files) => files.write(index, '{}')),
  shards('whose index reaches out of the directory', corrupt, '../', (files) =>
    files.edit(index, (json) => Object.assign(json.weight_map, { 'lm_head.weight': `../${second}` })),
  ),
  shards('whose index names what no shard holds', parameters, 'model.extra', (files) =>
    files.edit(index, (json) => Object.assign(json.weight_map, { 'model.extra': second })),
  ),
  shards('whose index leaves a parameter out', parameters, 'norm.weight', (files) =>
    files.edit(index, (json) => {
      const name = Object.keys(json.weight_map).find(
        (key) => key.endsWith('language_model.norm.weight') || key === norm,
      )
      delete json.weight_map[name]
    }),
  ),
]

export const weightCases = [...single, ...sharded]
