// Merging and comparing against `cp` and Python torch, warm, runs interleaved, on checkpoints made for it.
//   node scripts/bench.mjs weights PYTHON [PART…] [--runs 3] [--folder DIR] [--layers 12] [--models BASE,IN,RL] [--no-rival]
// Parts: splice, programs, energy, spectrum; all of them when none is named, and `make`, which makes the checkpoints alone. With --folder they
// stay there for later parts; without it they are removed at the end. 12 layers are 2 GB each. --models takes three checkpoints that exist,
// --no-rival leaves out the energy of whole state dicts, which keeps them in memory.
// Goals: a splice 0.95 × the throughput of `cp && sync` (at least 0.8); energy of three checkpoints 3 × as fast as whole float16 state dicts;
// on a matrix of 11008 × 2048 gram 1.6 × as fast as svdvals in float64, the first 50 by the randomized method 8 × as fast as svdvals in float32;
// 1.6 of two cores busy; anonymous memory at most 1 GiB for a splice, energy and programs of elements, else what --dry-run says.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { decompose } from '../src/compare/singular-values.ts'
import { compare, initCheckpoint, merge, ops, planMerge, type RecipeObject } from '../src/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    folder: { type: 'string' },
    layers: { type: 'string', default: '12' },
    models: { type: 'string' },
    'no-rival': { type: 'boolean', default: false },
  },
})
const [python, ...parts] = positionals
if (!python) throw new Error('Expected a Python with torch and safetensors')
const wanted = (part: string) => parts.length === 0 || parts.includes(part)

if (values.folder) mkdirSync(values.folder, { recursive: true })
const scratch = mkdtempSync(join(values.folder ?? tmpdir(), 'frankentorch-bench-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

const at = (name: string) => join(scratch, name)
const models = await checkpoints()
const bytes = weightsOf(models.in).reduce((sum, file) => sum + statSync(file).size, 0)
console.log(
  `checkpoints of ${(bytes / 1e9).toFixed(2)} GB; medians of ${values.runs} interleaved runs, after one to warm up`,
)

if (wanted('splice')) await splice()
if (wanted('programs')) await programs()
const energyAlone = wanted('energy') && values['no-rival']
if (energyAlone) await energy()
if ((wanted('energy') && !energyAlone) || wanted('spectrum')) {
  const rival = startRival()
  await rival.next()
  if (wanted('energy') && !energyAlone) await energy(rival)
  if (wanted('spectrum')) await spectrum(rival)
  rival.stop()
}

// --- parts ------------------------------------------------------------------------------------------------------------------

async function splice(): Promise<void> {
  const [copying, splicing]: [Timing[], Timing[]] = [[], []]
  await repeated(async (record) => {
    execFileSync('sync')
    const copied = await timed(() => execFileSync('sh', ['-c', `cp -r ${models.in} ${at('copy')} && sync`]))
    rmSync(at('copy'), { recursive: true })
    execFileSync('sync')
    const spliced = await timed(() => merge('IN early 1/3 + RL late 2/3', { ...models, out: at('spliced') }))
    rmSync(at('spliced'), { recursive: true })
    if (!record) return
    copying.push(copied)
    splicing.push(spliced)
  })
  report('splice', splicing, 'cp && sync', copying, 'throughput')
}

/** Programs of elements, and methods that measure whole parameters. */
async function programs(): Promise<void> {
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
}

async function energy(rival?: Rival): Promise<void> {
  const [own, whole]: [Timing[], Timing[]] = [[], []]
  await repeated(async (record) => {
    const theirs = await rival?.ask('energy', [models.base, models.in, models.rl])
    const ours = await timed(() => compare.energy(models))
    if (!record) return
    if (theirs) whole.push(theirs)
    own.push(ours)
  })
  if (rival) report('energy of three checkpoints', own, 'whole float16 state dicts', whole, 'speed')
  else console.log(`energy of three checkpoints: ${own.map(describe).join('; ')}`)
  console.log(`  reading ${((3 * bytes) / median(own.map(({ seconds }) => seconds)) / 1e9).toFixed(1)} GB/s`)
}

/** Singular values of one matrix. */
async function spectrum(rival: Rival): Promise<void> {
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
}

// --- checkpoints ------------------------------------------------------------------------------------------------------------

async function checkpoints(): Promise<Record<'base' | 'in' | 'rl', string>> {
  const given = values.models?.split(',')
  if (given) return { base: given[0]!, in: given[1]!, rl: given[2]! }
  const config = {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_act: 'silu',
    hidden_size: 2048,
    intermediate_size: 11008,
    max_position_embeddings: 32768,
    num_attention_heads: 16,
    num_key_value_heads: 2,
    num_hidden_layers: Number(values.layers),
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    tie_word_embeddings: true,
    vocab_size: 32768,
  }
  const made = { base: '', in: '', rl: '' }
  for (const [seed, name] of (['base', 'in', 'rl'] as const).entries()) {
    made[name] = join(values.folder ?? scratch, `${name}-${values.layers}`)
    if (!existsSync(made[name])) await initCheckpoint({ config, seed, maxShardBytes: 1e11, out: made[name] })
  }
  return made
}

function weightsOf(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => (name.endsWith('.safetensors') ? [join(directory, name)] : []))
}

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
  for (let run = 0; run <= Number(values.runs); run++) await work(run > 0)
}

function report(name: string, ours: Timing[], other: string, theirs: Timing[], what: string): void {
  const [a, b] = [ours, theirs].map((timings) => median(timings.map(({ seconds }) => seconds))) as [number, number]
  const own = ours.find(({ seconds }) => seconds === a)!
  console.log(`${name}: ${describe(own)}; ${other} ${b.toFixed(3)} s: ${(b / a).toFixed(2)} × its ${what}`)
  const each = (timings: Timing[]) => timings.map(({ seconds }) => seconds.toFixed(3)).join(' ')
  console.log(`  runs: ${each(ours)}; ${each(theirs)}`)
}

function describe({ seconds, cores, memory }: Timing): string {
  return `${seconds.toFixed(3)} s, ${cores?.toFixed(2)} cores, ${memory?.toFixed(2)} GiB anonymous`
}

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

type Rival = ReturnType<typeof startRival>

function startRival() {
  const script = fileURLToPath(new URL('weights.py', import.meta.url))
  const child = spawn(python!, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  process.on('exit', () => child.kill())
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
