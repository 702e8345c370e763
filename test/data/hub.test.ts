import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type BenchmarkName, benchmarks, hubDataset, type Item } from '../../src/data/index.ts'
import { writeParquet } from './parquet-file.ts'

const cache = mkdtempSync(join(tmpdir(), 'frankentorch-hub-'))
afterAll(() => rmSync(cache, { recursive: true }))
beforeEach(() => void vi.stubEnv('HF_HUB_CACHE', cache))
afterEach(() => void vi.unstubAllEnvs())

const commit = '2b6ad69d6b4ee3d6d6a8f9d5d1c2b3a4958677ff'

// A file of the cache is a link to its blob; `write` fills the blob.
function cached(name: string, path: string, write: (blob: string) => void, revision = commit): void {
  const repository = join(cache, `datasets--${name.replace('/', '--')}`)
  const blob = join(repository, 'blobs', path.replaceAll('/', '-'))
  const link = join(repository, 'snapshots', revision, path)
  for (const folder of [dirname(blob), dirname(link), join(repository, 'refs')]) mkdirSync(folder, { recursive: true })
  write(blob)
  symlinkSync(blob, link)
  writeFileSync(join(repository, 'refs', 'main'), revision)
}

async function read(name: BenchmarkName, source: string, split?: string): Promise<Item[]> {
  const items = []
  for await (const item of benchmarks[name].read(source, { split })) items.push(item)
  return items
}

describe('a data set in the cache', () => {
  test('is found by branch, by commit and by the beginning of one', async () => {
    cached('org/set', 'test.jsonl', (blob) => writeFileSync(blob, ''))
    const snapshot = join(cache, 'datasets--org--set/snapshots', commit)
    expect(await hubDataset('org/set')).toBe(snapshot)
    expect(await hubDataset('org/set', { revision: commit })).toBe(snapshot)
    expect(await hubDataset('org/set', { revision: commit.slice(0, 8) })).toBe(snapshot)
  })

  test('that is not there is refused with the command that fetches it', async () => {
    cached('org/other', 'test.jsonl', (blob) => writeFileSync(blob, ''))
    await expect(hubDataset('org/none')).rejects.toThrow(
      /holds none of it\. .*hf download --repo-type dataset org\/none$/,
    )
    await expect(hubDataset('org/other', { revision: 'v2' })).rejects.toThrow(/holds 2b6ad69.* --revision v2$/)
    await expect(read('gsm8k', 'org/none')).rejects.toMatchObject({ code: 'ERR_DATA' })
    await expect(read('gsm8k', './nowhere/at/all')).rejects.toThrow(/nothing is there/)
  })
})

describe('the Hub’s parquet layouts', () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, i) => (i * 37) & 0xff)
  const image = { bytes, path: '1.jpg' }

  test('MathVista: embedded images, null choices, float precision, nested metadata', async () => {
    const text = {
      split: 'string',
      language: 'string',
      source: 'string',
      category: 'string',
      task: 'string',
      context: 'string',
      grade: 'string',
    } as const
    const columns = {
      pid: 'string',
      question: 'string',
      image: 'string',
      decoded_image: 'image',
      choices: 'strings',
      unit: 'string',
      precision: 'double',
      answer: 'string',
      question_type: 'string',
      answer_type: 'string',
      metadata: { ...text, img_height: 'int64', img_width: 'int64', skills: 'strings' },
      query: 'string',
    } as const
    const metadata = {
      split: 'testmini',
      language: 'english',
      source: 'Invented',
      category: 'general-vqa',
      task: 'figure question answering',
      context: 'bar chart',
      grade: 'college',
      img_height: 28n,
      img_width: 56n,
      skills: ['algebraic reasoning', 'geometry reasoning'],
    }
    const row = { question: 'q', image: 'images/1.jpg', decoded_image: image, metadata, query: '' }
    const rows = [
      { ...row, pid: '1', choices: ['yes', 'no'], answer: 'yes', question_type: 'multi_choice', answer_type: 'text' },
      {
        ...row,
        pid: '2',
        choices: null,
        precision: 1,
        answer: '1.2',
        question_type: 'free_form',
        answer_type: 'float',
      },
    ]
    cached('AI4Math/MathVista', 'data/testmini-00000-of-00001-725687bf7a18d64b.parquet', (blob) =>
      writeParquet(blob, columns, rows),
    )
    const [choice, float] = await read('mathvista', 'AI4Math/MathVista')
    expect(choice).toMatchObject({ id: '1', choices: ['yes', 'no'], image: bytes, groups: { skills: metadata.skills } })
    expect(float).toMatchObject({ id: '2', choices: undefined, precision: 1 })
    expect(benchmarks.mathvista.ask(float!)[0]!.content[0]).toEqual({ type: 'image', image: bytes })
  })

  test('MathVision: two splits side by side, parts in order, level as int64', async () => {
    const columns = {
      id: 'string',
      question: 'string',
      options: 'strings',
      image: 'string',
      decoded_image: 'image',
      answer: 'string',
      solution: 'string',
      level: 'int64',
      subject: 'string',
    } as const
    const row = (id: string) => ({
      id,
      question: 'q\n<image1>',
      options: [],
      image: `images/${id}.jpg`,
      decoded_image: image,
      answer: '1',
      level: 5n,
      subject: 'logic',
    })
    const part = (name: string, ids: string[]) =>
      cached('MathLLMs/MathVision', `data/${name}.parquet`, (blob) => writeParquet(blob, columns, ids.map(row)))
    part('test-00001-of-00002', ['3'])
    part('test-00000-of-00002', ['1', '2'])
    part('testmini-00000-of-00001', ['2'])
    const items = await read('mathvision', 'MathLLMs/MathVision', 'test')
    expect(items.map(({ id }) => id)).toEqual(['1', '2', '3'])
    expect(items[0]).toMatchObject({
      question: 'q\n<image1>',
      choices: undefined,
      image: bytes,
      groups: { level: '5' },
    })
    expect(await read('mathvision', 'MathLLMs/MathVision', 'testmini')).toHaveLength(1)
  })

  test('parts that are missing are noticed', async () => {
    const columns = { question: 'string', answer: 'string' } as const
    const rows = [{ question: 'q', answer: '#### 4' }]
    cached('openai/gsm8k', 'main/test-00000-of-00001.parquet', (blob) => writeParquet(blob, columns, rows))
    cached('openai/gsm8k', 'socratic/test-00000-of-00001.parquet', (blob) =>
      writeParquet(blob, columns, [...rows, ...rows]),
    )
    cached('openai/gsm8k', 'main/train-00000-of-00002.parquet', (blob) => writeParquet(blob, columns, rows))
    expect(await read('gsm8k', 'openai/gsm8k')).toHaveLength(1)
    await expect(read('gsm8k', 'openai/gsm8k', 'train')).rejects.toThrow(/Expected 2 parts of train .* but found 1/)
  })

  test('MathVerse: the parquet files go before the JSON files beside them, which lack the images', async () => {
    const metadata = { split: 'string', source: 'string', subject: 'string', subfield: 'string' } as const
    const text = [
      'sample_index',
      'problem_index',
      'problem_version',
      'question',
      'answer',
      'question_type',
      'query_wo',
      'query_cot',
      'question_for_eval',
    ]
    const columns = {
      ...Object.fromEntries(text.map((name) => [name, 'string' as const])),
      image: 'image' as const,
      metadata,
    }
    const row = {
      sample_index: '1',
      problem_index: '1',
      question: 'q',
      answer: '4',
      question_type: 'free-form',
      metadata: { split: 'testmini', source: 's', subject: 'Functions', subfield: 'Property' },
    }
    cached('AI4Math/MathVerse', 'testmini.json', (blob) => writeFileSync(blob, '[]'))
    cached('AI4Math/MathVerse', 'testmini.parquet', (blob) =>
      writeParquet(blob, columns, [{ ...row, problem_version: 'Vision Dominant', image }]),
    )
    cached('AI4Math/MathVerse', 'testmini_text_only.parquet', (blob) =>
      writeParquet(blob, columns, [{ ...row, problem_version: 'Text Only' }]),
    )
    const items = await read('mathverse', 'AI4Math/MathVerse')
    expect(items.map(({ id }) => id)).toEqual(['1', 'text_only_1'])
    expect(items[0]!.image).toEqual(bytes)
    expect(items[1]!.image).toBeUndefined()
  })
})
