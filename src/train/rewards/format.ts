import { extractAnswer } from '../../answers/index.ts'
import type { Reward } from './reward.ts'

const thoughtful = /^\s*<think>[\s\S]*?<\/think>\s*<answer>[\s\S]*?<\/answer>\s*$/
const tags = ['<think>', '</think>', '<answer>', '</answer>']
const mathematical = /[=+\-*/^<>≤≥√∑∫π×÷]|\\[a-z]+/i
const longEnough = 50
const nearlyFormatted = 0.8

/**
 * 1 for a reply that is `<think>…</think><answer>…</answer>` and nothing else, each tag once, or that has a `\boxed{…}`; 0.8 for one of over 50 characters
 * with a mathematical sign and an answer that can be found; else 0 (reference recipe of arXiv 2602.12395).
 */
export function format(): Reward {
  return (_sample, { text }) => {
    if (thoughtful.test(text) && tags.every((tag) => text.split(tag).length === 2)) return 1
    const { from, text: found } = extractAnswer(text)
    if (/\\boxed\{[^{}]*[^\s{}]/.test(text)) return 1
    const readable = found !== null && from !== 'none'
    return text.length > longEnough && mathematical.test(withoutTags(text)) && readable ? nearlyFormatted : 0
  }
}

// The slash and the angles of a tag are no mathematics.
function withoutTags(text: string): string {
  return tags.reduce((rest, tag) => rest.replaceAll(tag, ''), text)
}
