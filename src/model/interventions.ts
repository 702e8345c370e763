import { z } from 'zod'
import { check, expected } from '../check.ts'
import { floatingDtypes } from '../tensor/dtype.ts'
import { Program } from '../tensor/program.ts'
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

const oneTensorProgram = z
  .instanceof(Program)
  .refine(({ inputs, roots }) => inputs === 1 && roots.length === 1, 'a program of one tensor that gives one')

const forms = {
  zero: z.strictObject({ kind: z.literal('zero'), ...where, ...heads }),
  add: z.strictObject({ kind: z.literal('add'), ...where, ...heads, ...tensor }),
  replace: z.strictObject({ kind: z.literal('replace'), ...where, ...heads, ...tensor }),
  /** `replace` by what a recorded program makes of the value. */
  program: z.strictObject({
    kind: z.literal('replace'),
    ...where,
    ...heads,
    program: oneTensorProgram,
    /** Of its random operators, with the row's prompt, the point and the step. */
    seed: Index.default(0),
  }),
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

/** Where and how a function acts that is attached to a model. */
export const CallbackOptions = z.strictObject({
  positions: where.positions,
  steps: where.steps,
  rows: where.rows,
  heads: heads.heads,
})
export type CallbackOptions = z.input<typeof CallbackOptions>

export const HookOptions = CallbackOptions.extend({
  /** Of random operators, which draw by it, the row's prompt, the point and the step. */
  seed: Index.default(0),
})
export type HookOptions = z.input<typeof HookOptions>

const kinds = ['zero', 'add', 'replace', 'scale', 'noise', 'skip', 'swap'] as const

/** A change of what passes a point, with its defaults. */
export type Change = z.output<(typeof forms)[keyof typeof forms]>
export type ChangeIntervention = z.input<(typeof forms)[keyof typeof forms]>

/** Plain data: what is changed, at which points, for which rows, positions, steps and heads. */
export type Intervention = ChangeIntervention | SwapIntervention

/** A function of JavaScript, by the number it was registered with. */
export interface CallbackChange extends z.output<typeof CallbackOptions> {
  kind: 'callback'
  point: string
  callback: number
}

/** What can be attached, checked. */
export type Attached = Change | CallbackChange | SwapIntervention

/** An intervention with its defaults filled in. Throws `ERR_INVALID_ARGUMENT` or `ERR_UNKNOWN_OPTION`. */
export function checkIntervention(value: unknown, name = 'intervention'): Change | SwapIntervention {
  const { kind } = check(z.looseObject({ kind: z.enum(kinds) }), value, name)
  if (kind === 'swap') return check(SwapForm, value, name)
  const recorded = kind === 'replace' && 'program' in (value as object)
  if (recorded && 'tensor' in (value as object)) throw expected('tensor or program, not both,', name, value)
  return check(forms[recorded ? 'program' : kind] as z.ZodType<Change>, value, name)
}
