// A model inside an HTTP server of your own: one running batch for all requests; a client that hangs up stops its reply within a token; the server
// closes in order. (`frankentorch serve` is the whole thing, with OpenAI's API.)
//
//   node examples/http-handler.ts MODEL [PORT]
//   curl -d 'What is the capital of France?' localhost:8321
//
// Node 24 runs this file as it stands; in a project of your own import from 'frankentorch'.

import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { FrankentorchError, VisionLanguageModel } from '../src/index.ts'

const [directory, port = '8321'] = process.argv.slice(2)
if (!directory) throw new Error('Expected a checkpoint')

const model = await VisionLanguageModel.load(directory)
const batch = model.batch({ maxRows: 16 })

const server = createServer(async (request, response) => {
  const stop = new AbortController()
  response.on('close', () => stop.abort())
  try {
    const content = await text(request)
    const reply = await batch.add([{ role: 'user', content }], { maxNewTokens: 64, signal: stop.signal })
    response.end(reply.text)
  } catch (thrown) {
    const code = thrown instanceof FrankentorchError ? thrown.code : 'ERR_INTERNAL'
    if (!response.destroyed) response.writeHead(500).end(code)
  }
})

server.listen(Number(port), () => console.log('listening', server.address()))
process.once('SIGINT', close)
process.once('SIGTERM', close)

/** Lets go of what it holds, in the order in which it was made. */
export async function close(): Promise<void> {
  server.close()
  server.closeAllConnections()
  await batch.dispose()
  await model.dispose()
}
