import { error, FrankentorchError } from '../errors.ts'
import type { BatchReply, DecodeBatch } from '../model/decode-batch.ts'
import { disposeInputs } from '../model/inputs.ts'
import type { Processor } from '../model/processor/processor.ts'
import type { ChatRequest } from './chat-request.ts'
import { RequestError } from './failure.ts'
import { StopText } from './stop-text.ts'

/** What answers requests: one batch, and the processor that reads them. */
export interface Engine {
  batch: DecodeBatch
  processor: Processor
  /** Most tokens of a reply. */
  maxNewTokens: number
  /** Most tokens of prompt and reply. */
  context: number
}

export interface Completion {
  text: string
  finishReason: 'stop' | 'length'
  promptTokens: number
  completionTokens: number
}

/**
 * The reply to one request, as a row of the running batch. `onText` has its text in pieces of whole characters; the first call, which may have none,
 * says that the prompt was read. Throws a 400 for a prompt that does not fit.
 */
export async function complete(
  { batch, processor, maxNewTokens, context }: Engine,
  { messages, sampling, stop, ...request }: ChatRequest,
  { signal, onText }: { signal: AbortSignal; onText(text: string): void },
): Promise<Completion> {
  const inputs = await processor.prepare(messages, { signal })
  const promptTokens = inputs.inputIds[0]!.length
  const decoder = processor.tokenizer.streamDecoder({ skipSpecialTokens: true })
  const stopText = new StopText(stop)
  const stopped = new AbortController()
  let text = ''
  const emit = (piece: string) => {
    text += piece
    onText(piece)
  }
  try {
    const reply = await batch
      .add(inputs, {
        ...sampling,
        maxNewTokens: tokensFor(request.maxNewTokens, { maxNewTokens, room: context - promptTokens }),
        signal: AbortSignal.any([signal, stopped.signal]),
        onToken(token) {
          disposeInputs(inputs) // the prompt was read: its pixels need not outlive it
          if (stopText.found) return
          emit(stopText.push(decoder.push(token)))
          if (stopText.found) stopped.abort()
        },
      })
      .catch((thrown) => replyOfStopped(thrown, stopped.signal))
    emit(stopText.push(decoder.flush()) + stopText.flush())
    const finishReason = reply.finishReason === 'length' ? 'length' : 'stop'
    return { text, finishReason, promptTokens, completionTokens: reply.tokenIds.length }
  } finally {
    disposeInputs(inputs)
  }
}

function tokensFor(asked: number | undefined, { maxNewTokens, room }: { maxNewTokens: number; room: number }): number {
  if (asked !== undefined && asked > maxNewTokens)
    throw new RequestError(400, `Expected at most ${maxNewTokens} tokens but received ${asked}`, {
      code: 'invalid_value',
      param: 'max_tokens',
    })
  const tokens = asked ?? Math.min(maxNewTokens, room)
  if (room >= 1 && tokens <= room) return tokens
  throw error(
    'ERR_CONTEXT_LENGTH',
    `The context has room for ${Math.max(0, room)} tokens after the prompt, not for ${asked ?? 1}`,
  )
}

// A row that leaves the batch at a stop string counts as aborted there.
function replyOfStopped(thrown: unknown, stopped: AbortSignal): BatchReply {
  if (stopped.aborted && thrown instanceof FrankentorchError && 'reply' in thrown) return thrown.reply as BatchReply
  throw thrown
}
