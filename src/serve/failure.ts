import { ArgumentError, FrankentorchError, InputError, messageOf } from '../errors.ts'

/** A request that is refused: what HTTP and OpenAI's clients call it. */
export class RequestError extends Error {
  readonly status: number
  readonly code: string | null
  readonly param: string | null

  constructor(
    status: number,
    message: string,
    { code = null, param = null }: { code?: string | null; param?: string | null } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.param = param
  }
}

/** The body of a failed request, as OpenAI's API has it. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null }
}

/** A failure of ours as the error of a request: what the client can mend is 4xx, what it cannot is 5xx. */
export function requestErrorOf(thrown: unknown): RequestError {
  if (thrown instanceof RequestError) return thrown
  const message = messageOf(thrown)
  if (!(thrown instanceof FrankentorchError)) return new RequestError(500, message, { code: 'internal_error' })
  if (thrown.code === 'ERR_CONTEXT_LENGTH')
    return new RequestError(400, message, { code: 'context_length_exceeded', param: 'messages' })
  const code = thrown.code.toLowerCase()
  if (thrown instanceof InputError) return new RequestError(400, message, { code, param: 'messages' })
  if (thrown instanceof ArgumentError) return new RequestError(400, message, { code })
  // Memory comes back when other rows leave; a disposed batch is a server that is closing.
  return new RequestError(['ERR_OUT_OF_MEMORY', 'ERR_DISPOSED'].includes(thrown.code) ? 503 : 500, message, { code })
}

/** As OpenAI's clients read it. */
export function errorBody({ status, message, code, param }: RequestError): ErrorBody {
  return { error: { message, type: typeOf(status), param, code } }
}

function typeOf(status: number): string {
  if (status >= 500) return 'server_error'
  if (status === 429) return 'rate_limit_error'
  return 'invalid_request_error'
}
