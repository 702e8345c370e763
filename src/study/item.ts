/** One step of a study, with a folder of its own in the study's directory: done, it is never done again. */
export interface Item {
  /** Also its folder: `vision/RL`. */
  id: string
  /** As progress shows it: `image swap in RL`. */
  label: string
  /** Seconds it takes beside the others; only their ratios count, for the time left. */
  cost: number
  run(context: ItemContext): Promise<void>
}

export interface ItemContext {
  /** The item's folder. */
  out: string
  signal?: AbortSignal
  onProgress(done: number, total: number): void
}

/** A model of a study: a checkpoint that is there, or one that an item makes. */
export interface StudyModel {
  name: string
  role: import('../report/manifest.ts').Role
  directory: string
  recipe?: string
  /** Of its training run, where it is not the name. */
  folder?: string
}
