// What a call is given: messages, or inputs that were prepared from them. Inputs are used at once, before the caller goes on: what is attached to the model when
// a call is made acts on it.

import { disposeInputs, type Inputs } from './inputs.ts'
import type { Message } from './processor/messages.ts'
import type { Processor } from './processor/processor.ts'

export type Prompt = readonly Message[] | Inputs

export function isInputs(prompt: Prompt): prompt is Inputs {
  return typeof prompt === 'object' && prompt !== null && 'inputIds' in prompt
}

/** Inputs made here from messages are disposed here; those a caller made are the caller's. */
export async function withInputs<T>(
  processor: Processor,
  prompt: Prompt,
  signal: AbortSignal | undefined,
  use: (inputs: Inputs) => Promise<T>,
): Promise<T> {
  if (isInputs(prompt)) return use(prompt)
  const inputs = await processor.prepare(prompt, { signal })
  try {
    return await use(inputs)
  } finally {
    disposeInputs(inputs)
  }
}
