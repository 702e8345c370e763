import { closing } from '../../answers/braces.ts'

const cue = /(?:answer|result)\s*(?:is|:|=)+\s*:?\s*([^\n]+)/gi

/**
 * The answer a reply states, for benchmarks that leave extraction to a language model: what stands between the last answer tags, else in the last
 * `\boxed{}` (of the tags' content too), else after the last "answer is" up to the end of its sentence. Undefined when it states none.
 */
export function finalAnswer(response: string): string | undefined {
  const tagged = [...response.matchAll(/<answer>(.*?)(?:<\/answer>|$)/gs)].at(-1)?.[1]
  const text = tagged ?? response
  return lastBox(text) ?? tagged?.trim() ?? afterCue(text)
}

/** The content of the last `\boxed{}` (or `\fbox{}`) whose braces close; `\boxed 5` without braces counts up to the next space or `$`. */
export function lastBox(text: string): string | undefined {
  for (const { index, 0: opening } of [...text.matchAll(/\\f?boxed?\s*\{/g)].reverse()) {
    const open = index + opening.length - 1
    const close = closing(text, open)
    if (close !== -1) return text.slice(open + 1, close).trim()
  }
  return [...text.matchAll(/\\boxed ([^$\s]+)/g)].at(-1)?.[1]
}

/** The last number in a text without its thousands separators, or undefined. */
export function lastNumber(text: string): string | undefined {
  const found = [...text.matchAll(/[-+]?(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[-+]?\d+)?/gi)]
  return found
    .map(([number]) => number)
    .filter((number) => /\d/.test(number))
    .at(-1)
    ?.replaceAll(',', '')
}

function afterCue(text: string): string | undefined {
  const sentence = [...text.matchAll(cue)].at(-1)?.[1]?.split(/\.(?:\s|$)/)[0]
  return sentence?.replace(/^[\s"'*$]+|[\s"'*$]+$/g, '')
}
