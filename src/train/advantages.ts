/**
 * Of each completion in its group: reward minus the group's mean, over its unbiased standard deviation + 1e-4 unless `scaled` is false
 * (GRPO, arXiv 2402.03300; unscaled as in Dr. GRPO, arXiv 2503.20783).
 */
export function advantages(rewards: readonly number[], scaled: boolean): number[] {
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length
  const divisor = scaled ? deviation(rewards) + 1e-4 : 1
  return rewards.map((reward) => (reward - mean) / divisor)
}

/** Unbiased; 0 for a single value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}
