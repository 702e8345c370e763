// Tokens a second of `serve` with one client and with eight, on a random checkpoint of 1024 wide, 12 layers, bfloat16. Goal: eight get twice as many.
//   node scripts/bench.mjs serve [ROUNDS]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initCheckpoint, serve, VisionLanguageModel } from '../src/index.ts'
import { textConfig } from '../test/native/models.ts'

const rounds = Number(process.argv[2] ?? 3)
const tokens = 64

async function ask(url: string, client: number): Promise<number> {
  const content = `Client ${client}: name some primes.`
  const body = {
    model: 'bench',
    max_tokens: tokens,
    temperature: 1,
    seed: client,
    messages: [{ role: 'user', content }],
  }
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const reply = (await response.json()) as { usage: { completion_tokens: number } }
  return reply.usage.completion_tokens
}

async function rate(url: string, clients: number): Promise<number> {
  const begun = performance.now()
  const made = await Promise.all(Array.from({ length: clients }, (_, client) => ask(url, client)))
  return made.reduce((sum, count) => sum + count, 0) / ((performance.now() - begun) / 1000)
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!

const directory = await mkdtemp(join(tmpdir(), 'frankentorch-bench-'))
try {
  const out = join(directory, 'model')
  await initCheckpoint({ config: textConfig({ hiddenSize: 1024, layers: 12 }), dtype: 'bfloat16', out })
  await using model = await VisionLanguageModel.load(out)
  await using server = await serve(model, { port: 0, name: 'bench', maxRows: 8 })
  await rate(server.url, 8)
  const rates: Record<number, number[]> = { 1: [], 8: [] }
  for (let round = 0; round < rounds; round++) {
    for (const clients of [1, 8]) rates[clients]!.push(await rate(server.url, clients))
  }
  const [one, eight] = [median(rates[1]!), median(rates[8]!)]
  console.log(`one client     ${one.toFixed(1)} tokens/s`)
  console.log(`eight clients  ${eight.toFixed(1)} tokens/s   ${(eight / one).toFixed(2)} × (goal 2)`)
} finally {
  await rm(directory, { recursive: true })
}
