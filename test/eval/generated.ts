import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePng } from '../../src/data/world/index.ts'
import { RandomState } from '../../src/statistics/index.ts'

const side = 56

/** An image of noise: every number names another. */
function image(seed: number): Uint8Array {
  const pixels = new RandomState(seed).randint(0, 256, side * side * 3)
  return encodePng(Uint8Array.from(pixels), side)
}

function write(directory: string, file: string, records: readonly object[]): string {
  mkdirSync(join(directory, 'images'), { recursive: true })
  for (let i = 0; i < records.length; i++) writeFileSync(join(directory, `images/${i}.png`), image(i))
  writeFileSync(join(directory, file), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  return directory
}

/** Invented items in MathVision's layout: `test.jsonl` and `images/`. Every second one has choices. */
export function mathVision(directory: string, count: number): string {
  const records = Array.from({ length: count }, (_, i) => ({
    id: String(i),
    question: `How many dots does tile ${i} need?\n<image1>`,
    options: i % 2 ? ['1', '2', '3', '4', '5'] : [],
    answer: i % 2 ? 'C' : String(i),
    solution: null,
    level: 1 + (i % 5),
    subject: i % 3 ? 'counting' : 'arithmetic',
    image: `images/${i}.png`,
  }))
  return write(directory, 'test.jsonl', records)
}

const contexts = ['bar chart', 'geometry diagram', 'natural image', 'scientific figure']

/** Invented items in MathVista's layout: `testmini.jsonl` and `images/`, contexts and categories in turn. */
export function mathVista(directory: string, count: number): string {
  const records = Array.from({ length: count }, (_, i) => ({
    pid: String(i + 1),
    question: `How tall is bar ${i}?`,
    image: `images/${i}.png`,
    choices: i % 2 ? ['Dark Red', 'Lime Green', 'Sky Blue'] : null,
    unit: i % 2 ? null : 'ml',
    precision: i % 4 === 0 ? 1 : null,
    answer: i % 2 ? 'Lime Green' : i % 4 === 0 ? '1.5' : '250',
    question_type: i % 2 ? 'multi_choice' : 'free_form',
    answer_type: i % 2 ? 'text' : i % 4 === 0 ? 'float' : 'integer',
    metadata: {
      split: 'testmini',
      language: 'english',
      img_width: side,
      img_height: side,
      source: 'Invented',
      category: i % 2 ? 'general-vqa' : 'math-targeted-vqa',
      task: 'figure question answering',
      context: contexts[i % contexts.length],
      grade: 'elementary school',
      skills: ['statistical reasoning'],
    },
  }))
  return write(directory, 'testmini.jsonl', records)
}

/** Invented items in MATH-500's layout: `test.jsonl`, levels 1 to 5 in turn. */
export function math500(directory: string, count: number): string {
  const records = Array.from({ length: count }, (_, i) => ({
    problem: `What is $${i} + 1$?`,
    solution: `It is $\\boxed{${i + 1}}$.`,
    answer: String(i + 1),
    subject: 'Prealgebra',
    level: 1 + (i % 5),
    unique_id: `test/prealgebra/${i}.json`,
  }))
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'test.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  return directory
}
