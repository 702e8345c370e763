export const scheduleTypes = ['cosine', 'linear', 'constant'] as const

export interface Schedule {
  type: (typeof scheduleTypes)[number]
  lr: number
  steps: number
  warmupSteps: number
}

/**
 * The learning rate of step `step`, counted from 0, as transformers' schedules have it: from 0 up to `lr` in `warmupSteps`, then down to 0 at
 * `steps` along half a cosine or a line, or not at all.
 */
export function learningRate({ type, lr, steps, warmupSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return (lr * step) / warmupSteps
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps)
  if (type === 'cosine') return lr * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)))
  return type === 'linear' ? lr * Math.max(0, 1 - progress) : lr
}
