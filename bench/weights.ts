// Merging and comparing against `cp` and Python torch, on checkpoints of about 2 GB made for it, warm, runs interleaved.
//   node scripts/bench.mjs weights PYTHON [RUNS=3] [FOLDER=temporary] [SCALE=1]
// Goals: a splice 0.95 × the throughput of `cp && sync` (at least 0.8); energy of three checkpoints 3 × as fast as whole float16 state dicts;
// on a matrix of 11008 × 2048 gram 1.6 × as fast as svdvals in float64, the first 50 by the randomized method 8 × as fast as svdvals in float32;
// two cores busy at 1.6 of two; anonymous memory at most 1 GiB for a splice, energy and programs of elements.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { decompose } from '../src/compare/singular-values.ts'
import { compare, initCheckpoint, merge, ops, planMerge, type RecipeObject } from '../src/index.ts'

const [python, runs = '3', folder = tmpdir(), scale = '1'] = process.argv.slice(2)
if (!python) throw new Error('Expected a Python with torch and safetensors')
const root = mkdtempSync(join(folder, 'frankentorch-bench-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

const config = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 11008,
  max_position_embeddings: 32768,
  num_attention_heads: 16,
  num_key_value_heads: 2,
  num_hidden_layers: Math.max(3, Math.round(12 * Number(scale))),
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  tie_word_embeddings: true,
  vocab_size: 32768,
}
const at = (name: string) => join(root, name)
for (const [i, name] of ['base', 'in', 'rl'].entries())
  await initCheckpoint({ config, seed: i, maxShardBytes: 1e11, out: at(name) })
const models = { base: at('base'), in: at('in'), rl: at('rl') }
const bytes = statSync(join(models.in, 'model.safetensors')).size
console.log(
  `checkpoints of ${(bytes / 1e9).toFixed(2)} GB, ${config.num_hidden_layers} layers; medians of ${runs} interleaved runs`,
)

const rival = startRival()
await rival.next()

// --- a splice against cp -------------------------------------------------------------------------------------------------
const splice = 'IN early 1/3 + RL late 2/3'
const copying: Timing[] = []
const splicing: Timing[] = []
await repeated(async (record) => {
  execFileSync('sync')
  const copied = timed(() => execFileSync('sh', ['-c', `cp -r ${models.in} ${at('copy')} && sync`]))
  if (record) copying.push(await copied)
  else await copied
  rmSync(at('copy'), { recursive: true })
  execFileSync('sync')
  const spliced = await timed(() => merge(splice, { ...models, out: at('spliced') }))
  if (record) splicing.push(spliced)
  rmSync(at('spliced'), { recursive: true })
})
report('splice', splicing, 'cp && sync', copying, 'throughput')

// --- programs of elements, and methods that measure whole parameters -------------------------------------------------------
const two = [{ model: 'in' }, { model: 'rl' }]
const recipes: RecipeObject[] = [
  { merge_method: 'linear', models: two, parameters: { weight: 0.5 } },
  { merge_method: 'dare_linear', base_model: 'base', models: two },
  { merge_method: 'ties', base_model: 'base', models: two },
  { merge_method: 'slerp', models: two, parameters: { t: 0.5 } },
]
for (const recipe of recipes) {
  const { memory, seconds } = await planMerge(recipe, { ...models, out: at('merged') })
  const timing = await timed(() => merge(recipe, { ...models, out: at('merged') }))
  rmSync(at('merged'), { recursive: true })
  console.log(
    `${recipe.merge_method}: ${describe(timing)} (--dry-run said ${seconds.toFixed(1)} s, ${(memory / 2 ** 30).toFixed(2)} GiB)`,
  )
}

// --- energy against whole state dicts -------------------------------------------------------------------------------------
const [energies, wholes]: [Timing[], Timing[]] = [[], []]
await repeated(async (record) => {
  const theirs = await rival.ask('energy', [models.base, models.in, models.rl])
  const ours = await timed(() => compare.energy(models))
  if (!record) return
  wholes.push(theirs)
  energies.push(ours)
})
report('energy of three checkpoints', energies, 'whole float16 state dicts', wholes, 'speed')
console.log(`  reading ${((3 * bytes) / median(energies.map(({ seconds }) => seconds)) / 1e9).toFixed(1)} GB/s`)

// --- singular values of one matrix ----------------------------------------------------------------------------------------
using matrix = await ops.randn([11008, 2048], { seed: 1 }).mul(1e-3)
const options = { topk: 50, vectors: false } as const
for (const [method, action] of [
  ['gram', 'svdvals64'],
  ['randomized', 'svdvals32'],
] as const) {
  const [own, other]: [Timing[], Timing[]] = [[], []]
  await repeated(async (record) => {
    const theirs = await rival.ask(action, [])
    const ours = await timed(() => decompose(matrix, { method, ...options }))
    if (!record) return
    other.push(theirs)
    own.push(ours)
  })
  report(method, own, action, other, 'speed')
}
const withVectors = await timed(() => decompose(matrix, { method: 'gram', topk: 50, vectors: true }))
console.log(`gram with vectors: ${describe(withVectors)}`)
rival.stop()

// --- measuring ------------------------------------------------------------------------------------------------------------

interface Timing {
  seconds: number
  /** CPU time over wall time. */
  cores?: number
  /** Largest growth of anonymous memory, GiB. */
  memory?: number
}

async function timed(work: () => unknown): Promise<Timing> {
  const before = anonymous()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, anonymous())
  }, 5)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await work()
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(watch)
  most = Math.max(most, anonymous())
  return { seconds, cores: (user + system) / 1e6 / seconds, memory: (most - before) / 2 ** 20 }
}

// In KiB.
function anonymous(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1])
}

// Once to warm up, then as often as asked.
async function repeated(work: (record: boolean) => Promise<void>): Promise<void> {
  for (let run = 0; run <= Number(runs); run++) await work(run > 0)
}

function report(name: string, ours: Timing[], other: string, theirs: Timing[], what: string): void {
  const [a, b] = [ours, theirs].map((timings) => median(timings.map(({ seconds }) => seconds))) as [number, number]
  const own = ours.find(({ seconds }) => seconds === a)!
  console.log(`${name}: ${describe(own)}; ${other} ${b.toFixed(3)} s: ${(b / a).toFixed(2)} × its ${what}`)
}

function describe({ seconds, cores, memory }: Timing): string {
  return `${seconds.toFixed(3)} s, ${cores?.toFixed(2)} cores, ${memory?.toFixed(2)} GiB anonymous`
}

function startRival() {
  const script = fileURLToPath(new URL('weights.py', import.meta.url))
  const child = spawn(python!, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('The rival ended early; its stderr says why')
    return JSON.parse(value)
  }
  return {
    next,
    ask: async (action: string, arguments_: string[]): Promise<Timing> => {
      child.stdin.write(`${JSON.stringify({ action, arguments: arguments_ })}\n`)
      return { seconds: (await next()).seconds }
    },
    stop: () => child.stdin.end(),
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
