export type { ReplyRecord } from './answer.ts'
export {
  type EvalProgress,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
} from './evaluate.ts'
export type { ModelSource } from './models.ts'
export { type RegradeOptions, regrade } from './regrade.ts'
export { type RepliesSummary, type ScoredReply, type ScoreRepliesOptions, scoreReplies } from './replies.ts'
export type { Respondent, RespondentReply } from './respondent.ts'
export { type ScoreTasksOptions, scoreTasks } from './score-tasks.ts'
export { type Setting, settings } from './settings.ts'
export { type Accuracy, type Summary, summarise, type Verdict } from './summary.ts'
export { detailRows, markdown, type PaperMetrics, paperMetrics, type Results, resultRows } from './table.ts'
export type { EvalRecord, SettingSummary, TaskSummary } from './task-summary.ts'
export { type SetName, sets, taskNames } from './tasks.ts'
export { type MetricName, metric, metricNames, type Transitions, transitions } from './transitions.ts'
