import { RandomState } from '../statistics/random-state.ts'

/**
 * Which of `count` records stand at places [first, first + size) of an endless stream that goes through all of them, each epoch in an order of
 * its own. A place's record depends on seed and place alone, so a resumed run reads on where it stopped.
 */
export function recordsAt(count: number, seed: number, first: number, size: number): number[] {
  const orders = new Map<number, number[]>()
  return Array.from({ length: size }, (_, i) => {
    const epoch = Math.floor((first + i) / count)
    let order = orders.get(epoch)
    if (!order)
      orders.set(
        epoch,
        (order = new RandomState([seed % 2 ** 32, Math.floor(seed / 2 ** 32), epoch]).permutation(count)),
      )
    return order[(first + i) % count]!
  })
}
