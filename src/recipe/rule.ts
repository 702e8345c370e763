/** A value of a method's parameter: plain, over depth (a gradient from the first layer to the last), or by part of the model. */
export type Setting = Value | readonly Value[] | readonly Filtered[]
export type Value = number | boolean | string

/** The value of the parameters that `filter` names; without a filter, of all that come this far down the list. */
export interface Filtered {
  /** A selector, or a piece of a name such as `self_attn` or `mlp`. */
  filter?: string | null
  value: Value | readonly Value[]
}

export type Settings = Readonly<Record<string, Setting>>

/** A model that a rule takes parameters from, by its label or path. */
export interface Source {
  model: string
  settings: Settings
  /** Its layer that stands at the rule's first one; by default the same. */
  firstLayer?: number
}

/** How some of the parameters are made. */
export interface Rule {
  /** Which, in the language of selectors. */
  selectors: readonly string[]
  method: string
  sources: readonly Source[]
  /** What the differences of a method are differences from. */
  base?: string
  settings: Settings
  /** Decoder layers [begin, end) over which gradients run. */
  layers: readonly [begin: number, end: number]
}

/** The decoder that rules are made for. */
export interface Decoder {
  numHiddenLayers: number
  /** First layer of the middle and of the late third. */
  cuts: readonly [number, number]
}

/** A merge before the depth of its models is known. */
export interface Recipe {
  /** What merge.json says was asked for. */
  written: string | Readonly<Record<string, unknown>>
  /** Labels and paths of all models, the first one first: it gives names, files and whatever no rule makes. */
  models: readonly string[]
  /** Dtype of the result; by default the first model's. */
  dtype?: string
  /** Of random methods. */
  seed?: number
  /** Where a rule and an earlier one name the same parameter, the later one makes it. */
  rules(decoder: Decoder): Rule[]
}
