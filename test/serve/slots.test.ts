import { expect, test } from 'vitest'
import { Slots } from '../../src/serve/slots.ts'

const never = new AbortController().signal

test('requests run up to the rows, wait up to the queue, and are refused beyond', async () => {
  const slots = new Slots(1, 1)
  const [first, second] = [slots.take(), slots.take()]
  expect(() => slots.take()).toThrow(/try again later/)
  await first.turn(never)
  const turns: string[] = []
  const waiting = second.turn(never).then(() => turns.push('second'))
  expect([slots.running, slots.waiting]).toEqual([1, 1])
  await new Promise(setImmediate)
  expect(turns).toEqual([])
  first.leave()
  first.leave()
  await waiting
  expect([slots.running, slots.waiting]).toEqual([1, 0])
  second.leave()
  expect([slots.running, slots.waiting]).toEqual([0, 0])
})

test('who leaves the queue frees its place, and nobody is called in its stead', async () => {
  const slots = new Slots(1, 2)
  const first = slots.take()
  await first.turn(never)
  const gone = new AbortController()
  const [second, third] = [slots.take(), slots.take()]
  const left = second.turn(gone.signal).finally(() => second.leave())
  const served = third.turn(never)
  gone.abort()
  await expect(left).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  expect([slots.running, slots.waiting]).toEqual([1, 1])
  first.leave()
  await served
  third.leave()
  expect([slots.running, slots.waiting]).toEqual([0, 0])
})
