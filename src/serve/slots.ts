import { error } from '../errors.ts'
import { RequestError } from './failure.ts'

/** A request's place: first in the queue, then in the batch. */
export interface Place {
  /** Resolves when it is this request's turn; rejects with `ERR_ABORTED` when its signal aborts before. */
  turn(signal: AbortSignal): Promise<void>
  leave(): void
}

/** So many requests at once, so many more that wait in order; the next one is refused. */
export class Slots {
  readonly #rows: number
  readonly #queue: number
  readonly #waiting: (() => void)[] = []
  #taken = 0
  #running = 0

  constructor(rows: number, queue: number) {
    this.#rows = rows
    this.#queue = queue
  }

  get running(): number {
    return this.#running
  }

  /** Requests that have a place but not yet their turn. */
  get waiting(): number {
    return this.#taken - this.#running
  }

  /** Throws a 429 when every place is taken. */
  take(): Place {
    if (this.#taken >= this.#rows + this.#queue) {
      throw new RequestError(429, `${this.#running} requests are running and ${this.waiting} wait: try again later`, {
        code: 'rate_limit_exceeded',
      })
    }
    this.#taken++
    let state: 'waiting' | 'running' | 'left' = 'waiting'
    return {
      turn: async (signal) => {
        if (signal.aborted) throw left()
        if (this.#running >= this.#rows) await this.#wait(signal)
        else this.#running++
        state = 'running'
      },
      leave: () => {
        if (state === 'left') return
        this.#taken--
        if (state === 'running') this.#next()
        state = 'left'
      },
    }
  }

  // Whoever leaves hands over its turn, so nobody can come between.
  #next(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running--
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const proceed = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(proceed), 1)
        reject(left())
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(proceed)
    })
  }
}

function left(): Error {
  return error('ERR_ABORTED', 'The client left before its turn')
}
