export { type ReportOptions, type ReportResult, report } from './report.ts'
export { resultTables } from './result-text.ts'
