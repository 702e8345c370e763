export { hashMessages } from './chat-messages.ts'
export { type ChatReply, type Endpoint, type EndpointOptions, openEndpoint } from './endpoint.ts'
export { Judge, type JudgedReply, type JudgeOptions, openJudge } from './judge.ts'
export { Lanes } from './lanes.ts'
