import { z } from 'zod'
import { check } from '../check.ts'
import { floatingDtypes } from '../tensor/dtype.ts'
import { Tensor } from '../tensor/tensor.ts'
import { SwapForm, type SwapIntervention } from './swap.ts'

const Index = z.int().min(0)
const Indices = z.array(Index).min(1)

const where = {
  /** Selector of points: see `model.points()`. */
  point: z.string(),
  /** Tokens: of pictures, of the rest of the prompt, generated ones, or these, counted from the row's first token. */
  positions: z.union([z.enum(['all', 'image', 'text', 'answer']), Indices]).default('all'),
  /** The pass over the prompt, the passes over generated tokens, or both. */
  steps: z.enum(['prefill', 'decode', 'all']).default('all'),
  /** Rows of the call. */
  rows: z.union([z.literal('all'), Indices]).default('all'),
}

// At `.self_attn.query`, `.key`, `.value`, `.weights` and `.heads`.
const heads = { heads: z.union([z.literal('all'), Indices]).default('all') }

// Of the value's shape or one that broadcasts to it; its tokens may also be those selected. See docs/interventions.md.
const tensor = {
  tensor: z
    .instanceof(Tensor)
    .refine(({ dtype }) => (floatingDtypes as readonly string[]).includes(dtype), 'a tensor of floats'),
}

const forms = {
  zero: z.strictObject({ kind: z.literal('zero'), ...where, ...heads }),
  add: z.strictObject({ kind: z.literal('add'), ...where, ...heads, ...tensor }),
  replace: z.strictObject({ kind: z.literal('replace'), ...where, ...heads, ...tensor }),
  scale: z.strictObject({ kind: z.literal('scale'), ...where, ...heads, factor: z.number() }),
  /** Adds normal draws that depend on seed, point and position alone. */
  noise: z.strictObject({
    kind: z.literal('noise'),
    ...where,
    ...heads,
    standardDeviation: z.number().min(0),
    seed: Index.default(0),
  }),
  /** What leaves a layer is what entered it. */
  skip: z.strictObject({ kind: z.literal('skip'), ...where }),
}

const kinds = ['zero', 'add', 'replace', 'scale', 'noise', 'skip', 'swap'] as const

/** A change of what passes a point, with its defaults. */
export type Change = z.output<(typeof forms)[keyof typeof forms]>
export type ChangeIntervention = z.input<(typeof forms)[keyof typeof forms]>

/** Plain data: what is changed, at which points, for which rows, positions, steps and heads. */
export type Intervention = ChangeIntervention | SwapIntervention

/** An intervention with its defaults filled in. Throws `ERR_INVALID_ARGUMENT` or `ERR_UNKNOWN_OPTION`. */
export function checkIntervention(value: unknown, name = 'intervention'): Change | SwapIntervention {
  const { kind } = check(z.looseObject({ kind: z.enum(kinds) }), value, name)
  return kind === 'swap' ? check(SwapForm, value, name) : check(forms[kind] as z.ZodType<Change>, value, name)
}
