/** Every failure a caller may want to tell apart has one stable code, one class, and one line in this table. The docs page of codes is generated from it. */
export class FrankentorchError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** An argument, option, selector or intervention is not one the function accepts. */
export class ArgumentError extends FrankentorchError {}
/** A checkpoint is missing, incomplete, damaged or of an unknown architecture. */
export class CheckpointError extends FrankentorchError {}
/** An image, video, message, tokenizer or dataset cannot be used. */
export class InputError extends FrankentorchError {}
/** A tensor or a model cannot be used as asked. */
export class EngineError extends FrankentorchError {}
/** A run directory, output or resume file is in the way or inconsistent. */
export class RunError extends FrankentorchError {}
/** libtorch or the addon is missing, incomplete or of the wrong version. */
export class LibtorchError extends FrankentorchError {}

const table = {
  ERR_INVALID_ARGUMENT: [ArgumentError, 'An argument has the wrong type or value.'],
  ERR_UNKNOWN_OPTION: [ArgumentError, 'An option of that name does not exist.'],
  ERR_UNKNOWN_POINT: [ArgumentError, 'A selector matches no point of the model.'],
  ERR_UNKNOWN_PARAMETER: [ArgumentError, 'A selector matches no parameter of the model.'],
  ERR_UNKNOWN_LAYER: [ArgumentError, 'A layer index lies outside the model.'],
  ERR_UNKNOWN_DTYPE: [ArgumentError, 'A dtype is not supported here.'],
  ERR_UNKNOWN_DEVICE: [ArgumentError, 'A device is unknown or not available.'],
  ERR_UNKNOWN_OPERATOR: [ArgumentError, 'libtorch has no operator of that name, or it is not offered.'],
  ERR_RECIPE: [ArgumentError, 'A splice or a merge recipe is not in the expected form.'],
  ERR_SYMBOLIC_VALUE: [ArgumentError, 'A value inside a recorded program was asked for as if it were known.'],
  ERR_REENTRANT: [EngineError, 'A model was called from inside a callback that its own pass waits for.'],
  ERR_SHAPE_MISMATCH: [EngineError, 'Shapes do not fit together.'],
  ERR_CHECKPOINT_NOT_FOUND: [CheckpointError, 'A checkpoint directory or one of its files does not exist.'],
  ERR_CHECKPOINT_CORRUPT: [CheckpointError, 'A checkpoint file is truncated or its header is invalid.'],
  ERR_CHECKPOINT_PARAMETERS: [CheckpointError, 'Parameters are missing, unexpected or of the wrong shape.'],
  ERR_NON_FINITE: [CheckpointError, 'A parameter holds a NaN or an infinity.'],
  ERR_CHECKPOINT_CONFIG: [CheckpointError, 'config.json lacks a field or contradicts itself.'],
  ERR_HUB: [CheckpointError, 'A model of the Hugging Face Hub cannot be found, read or fetched.'],
  ERR_UNKNOWN_ARCHITECTURE: [CheckpointError, 'The architecture in config.json is not one this package implements.'],
  ERR_TOKENIZER: [InputError, 'Tokenizer or chat template is missing or invalid.'],
  ERR_IMAGE: [InputError, 'An image or video cannot be read or has an impossible size.'],
  ERR_MESSAGES: [InputError, 'Chat messages are not in the expected form.'],
  ERR_DATA: [InputError, 'A dataset file is missing or a record is invalid.'],
  ERR_ENDPOINT: [InputError, 'An endpoint cannot be reached, refuses the key, or has no such model.'],
  ERR_ENDPOINT_REQUEST: [InputError, 'An endpoint refuses one request, or answers it with nothing usable.'],
  ERR_CONTEXT_LENGTH: [InputError, 'The prompt and the tokens to generate exceed the context of the model.'],
  ERR_GRID_MISMATCH: [InputError, 'Two images have different token grids where equal ones are needed.'],
  ERR_DISPOSED: [EngineError, 'A handle was used after it was disposed.'],
  ERR_ABORTED: [EngineError, 'The work was aborted by its signal or because its owner was disposed.'],
  ERR_TRAINING: [
    EngineError,
    'Training cannot go on: nothing to train, no gradient, a value that is not finite, or parameters that a trainer holds.',
  ],
  ERR_OUT_OF_MEMORY: [EngineError, 'Memory could not be allocated; the engine remains usable.'],
  ERR_ENGINE: [EngineError, 'libtorch reported an error.'],
  ERR_RUN_MISMATCH: [RunError, 'The output directory belongs to a different command or configuration.'],
  ERR_RUN_LOCKED: [RunError, 'Another process is writing the output directory.'],
  ERR_OUTPUT: [RunError, 'An output cannot be written.'],
  ERR_LIBTORCH_NOT_FOUND: [LibtorchError, 'No libtorch was found.'],
  ERR_LIBTORCH_VERSION: [LibtorchError, 'The libtorch found is not the version this build needs.'],
  ERR_LIBTORCH_DOWNLOAD: [LibtorchError, 'libtorch could not be fetched or its checksum is wrong.'],
  ERR_PLATFORM: [LibtorchError, 'The addon cannot run on this platform, C library or Node.'],
  ERR_ADDON: [LibtorchError, 'The native addon could not be loaded.'],
} as const satisfies Record<string, readonly [typeof FrankentorchError, string]>

export type ErrorCode = keyof typeof table

/** Each code with its one-line meaning. */
export const errorCodes = Object.fromEntries(Object.entries(table).map(([code, [, text]]) => [code, text])) as Readonly<
  Record<ErrorCode, string>
>

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(table, code)
}

/** The error of the class that belongs to `code`. */
export function error(code: ErrorCode, message: string, options?: ErrorOptions): FrankentorchError {
  const [type] = table[code]
  return new type(code, message, options)
}

/** What an error says, whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
