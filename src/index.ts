// The public API. Heavy parts (libtorch, vega, sharp's work) load at their first use, so importing this is quick.
export * as answers from './answers/index.ts'
export { type Checkpoint, openCheckpoint } from './checkpoint/checkpoint.ts'
export { initCheckpoint } from './checkpoint/init.ts'
export { inspectCheckpoint } from './checkpoint/inspect.ts'
export * as compare from './compare/index.ts'
export * as cuda from './cuda.ts'
export * as data from './data/index.ts'
export { type WorldOptions, type WorldResult, world } from './data/world/index.ts'
export { type ErrorCode, errorCodes, FrankentorchError } from './errors.ts'
export {
  type EvalProgress,
  type EvalRecord,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type ModelSource,
  type PaperMetrics,
  type RegradeOptions,
  type RepliesSummary,
  type Respondent,
  regrade,
  type ScoredReply,
  type ScoreRepliesOptions,
  type ScoreTasksOptions,
  scoreReplies,
  scoreTasks,
  type TaskSummary,
} from './eval/index.ts'
export { type ResolveOptions, resolveModel } from './hub/index.ts'
export { type EndpointOptions, Judge, type JudgeOptions, openJudge } from './judge/index.ts'
export { type ProvisionOptions, provisionLibtorch as setup } from './libtorch/provision.ts'
export { type BatchOptions, type BatchReply, DecodeBatch } from './model/decode-batch.ts'
export type { FreezeOptions, ParameterCount, Trainable } from './model/freezing.ts'
export type { FinishReason, GenerateOptions, Reply } from './model/generation.ts'
export type { HookCallback, HookPassage } from './model/hook-callbacks.ts'
export type { Hook } from './model/hooks.ts'
export { disposeInputs, type Inputs } from './model/inputs.ts'
export {
  interventionFromJson,
  interventionHash,
  interventionToJson,
  type SerializedIntervention,
} from './model/intervention-json.ts'
export type { CallbackOptions, ChangeIntervention, HookOptions, Intervention } from './model/interventions.ts'
export {
  type ForwardOptions,
  type ForwardOutput,
  type LoadOptions,
  type PointInfo,
  type Prefilled,
  VisionLanguageModel,
} from './model/model.ts'
export type { ParameterInfo } from './model/parameters.ts'
export { decodeImage, type RgbImage } from './model/processor/image.ts'
export type { ImageOptions, ImageSource, RawImage } from './model/processor/image-source.ts'
export type { Content, Message } from './model/processor/messages.ts'
export { createProcessor, type Processor } from './model/processor/processor.ts'
export { type ResizeOptions, resizeImage } from './model/processor/resize.ts'
export { type ResizeLimits, smartResize } from './model/processor/smart-resize.ts'
export { processVisionInfo, type VisionInfo } from './model/processor/vision-info.ts'
export type { Edit, EditOptions, GraftOptions, SaveOptions } from './model/surgery.ts'
export type { SwapIntervention } from './model/swap.ts'
export type { SweepOptions } from './model/sweep.ts'
export * as probe from './probe/index.ts'
export { isSplice, parseRecipe, parseSplice, type Recipe, type RecipeObject } from './recipe/index.ts'
export { type ReportOptions, type ReportResult, report } from './report/index.ts'
export { type ModelServer, type ServeOptions, serve } from './serve/index.ts'
export { type Diagnosis, type DoctorOptions, doctor } from './setup/doctor.ts'
export type { Finding } from './setup/findings.ts'
export * as statistics from './statistics/index.ts'
export {
  type DemoOptions,
  type DemoPreset,
  demo,
  readStudy,
  type StudyConfig,
  type StudyOptions,
  type StudyProgress,
  type StudyResult,
  study,
} from './study/index.ts'
export { type SpliceOptions, splicedModels } from './study/splices.ts'
export {
  defineMethod,
  type Estimate,
  flag,
  type MergeMethod,
  type MergeOptions,
  type MergeResult,
  type MethodDefinition,
  merge,
  overall,
  perModel,
  planOf as planMerge,
  type Tensors,
} from './surgery/index.ts'
export {
  arange,
  empty,
  eye,
  full,
  linspace,
  logspace,
  ones,
  rand,
  randint,
  randn,
  randperm,
  zeros,
} from './tensor/constructors.ts'
export type { Dtype, TypedArray } from './tensor/dtype.ts'
export { all, type RunOptions, run } from './tensor/evaluate.ts'
export type { Computed, Expression, ListExpression, Outputs, ScalarExpression } from './tensor/expression.ts'
export { type GradOptions, grad, noGrad } from './tensor/gradients.ts'
export { float } from './tensor/instruction.ts'
export { ops } from './tensor/ops.ts'
export { type Program, program } from './tensor/program.ts'
export { manualSeed } from './tensor/random.ts'
export { scope } from './tensor/scope.ts'
export { memory, Tensor, tensor } from './tensor/tensor.ts'
export * as train from './train/index.ts'
export * as rewards from './train/rewards/index.ts'
export { type TinyWorld, type TinyWorldOptions, tinyWorld } from './train/tiny-world/index.ts'
export { version } from './version.ts'
