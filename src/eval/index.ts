export { type RepliesSummary, type ScoredReply, type ScoreRepliesOptions, scoreReplies } from './replies.ts'
export { type Accuracy, type Summary, summarise, type Verdict } from './summary.ts'
export { type ScoreTasksOptions, scoreTasks } from './tasks.ts'
