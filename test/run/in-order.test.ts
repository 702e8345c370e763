import { expect, test } from 'vitest'
import { inOrder } from '../../src/run/in-order.ts'

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('results come in the order of the values, whichever is ready first, and no more run at once than allowed', async () => {
  let [running, most] = [0, 0]
  const body = async (value: number) => {
    most = Math.max(most, ++running)
    await delay(value % 2 ? 1 : 8)
    running--
    return value * 10
  }
  const values = Array.from({ length: 20 }, (_, index) => index)
  const results: number[] = []
  for await (const result of inOrder(values, { concurrency: 3 }, body)) results.push(result)
  expect(results).toEqual(values.map((value) => value * 10))
  expect(most).toBe(3)
})

test('one slow value does not keep the others waiting, up to four for each that may run', async () => {
  const begun: number[] = []
  let release = () => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  const values = Array.from({ length: 40 }, (_, index) => index)
  const results = inOrder(values, { concurrency: 2 }, async (value) => {
    begun.push(value)
    if (value === 0) await slow
    return value
  })
  const first = results.next()
  await delay(5)
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  release()
  expect((await first).value).toBe(0)
  const rest: number[] = []
  for await (const value of results) rest.push(value)
  expect(rest).toHaveLength(39)
})

test('with one at a time, the next starts when its predecessor was taken', async () => {
  const begun: number[] = []
  const results = inOrder([1, 2, 3], { concurrency: 1 }, async (value) => begun.push(value))
  await results.next()
  await delay(2)
  expect(begun).toEqual([1])
  await results.return(undefined)
})

test('an error ends it, aborts the bodies still running, and is thrown when they have ended', async () => {
  const ended: number[] = []
  const body = async (value: number, signal: AbortSignal) => {
    if (value === 1) throw new Error('broken')
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    ended.push(value)
    if (value === 0) return value
    throw new Error('aborted')
  }
  const results = inOrder([1, 0, 2], { concurrency: 3 }, body)
  await expect(results.next()).rejects.toThrow('broken')
  expect(ended.sort()).toEqual([0, 2])
})
