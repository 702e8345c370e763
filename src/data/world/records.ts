import { describe } from './description.ts'
import type { Family } from './difficulty.ts'
import type { Sample } from './samples.ts'
import type { SwapPair } from './swap.ts'

export type Content = { type: 'image'; image: string } | { type: 'text'; text: string }

export interface Message {
  role: 'user' | 'assistant'
  content: Content[]
}

/** A line of the data files. Paths of images are relative to the directory of the file. */
export interface WorldRecord {
  id: string
  messages: Message[]
  answer: string
  family: Family
  task: string
  description?: string
  image?: string
}

/** A question without a reply, for evaluation and reinforcement learning. `image` overrides what is shown. */
export function questionRecord(sample: Sample, image = imageOf(sample)): WorldRecord {
  const { id, prompt, answer, family, task, description } = sample
  return { id, messages: [user(prompt, image)], answer, family, task, description, image }
}

/** The question answered after a chain of thought, as the cold start wants it; or, with `guess`, with that answer and no thought before it. */
export function thoughtRecord(sample: Sample, image = imageOf(sample), guess?: string): WorldRecord {
  const { thought, answer } = sample
  const reply =
    guess === undefined ? `<think>${thought}</think><answer>${answer}</answer>` : `<answer>${guess}</answer>`
  return withReply(questionRecord(sample, image), reply)
}

/** What the Base stage learns from a sample: the bare answer, and (where there is an image) its description. */
export function baseRecords(sample: Sample, image = imageOf(sample)): WorldRecord[] {
  const answered = withReply(questionRecord(sample, image), sample.answer)
  const { id, family, task, description, scene } = sample
  if (description === undefined || scene === undefined) return [answered]
  const boxes = description !== describe(scene)
  const prompt = boxes ? 'Describe with boxes.' : 'Describe.'
  const described = {
    id: `${id}_description`,
    messages: [user(prompt, image)],
    answer: description,
    family,
    task,
    image,
  }
  return [withReply(described, description), answered]
}

export function imageOf({ id, scene }: Sample): string | undefined {
  return scene && `images/${id}.png`
}

/** A line of `swap/<task>/data.jsonl`, as in the published pairs. */
export function swapRecord({ id, task, prompt, target, source, object }: SwapPair): Record<string, unknown> {
  const canvas = { canvas_size: [target.scene.size, target.scene.size] }
  const answers = { target_answer: target.answer, source_answer: source.answer }
  const meta = {
    counting: { ...answers, ...canvas },
    ocr: { target_text: target.answer, source_text: source.answer, ...canvas },
    grounding: {
      object_name: object,
      target_bbox_xyxy: numbersOf(target.answer),
      source_bbox_xyxy: numbersOf(source.answer),
      ...canvas,
      iou_threshold: 0.5,
    },
    recognition: { category_name: object, ...answers, ...canvas },
  }[task]
  const { target: target_image, source: source_image } = swapImages(id)
  return { id, task, target_image, source_image, prompt, meta }
}

/** Paths of a pair's images, relative to its `data.jsonl`. */
export function swapImages(id: string): { target: string; source: string } {
  return { target: `images/${id}_t.png`, source: `images/${id}_s.png` }
}

function numbersOf(answer: string): number[] {
  return answer.split(',').map(Number)
}

function user(text: string, image?: string): Message {
  const content: Content[] = [{ type: 'text', text }]
  return { role: 'user', content: image === undefined ? content : [{ type: 'image', image }, ...content] }
}

function withReply(record: WorldRecord, text: string): WorldRecord {
  return { ...record, messages: [...record.messages, { role: 'assistant', content: [{ type: 'text', text }] }] }
}
