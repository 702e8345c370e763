import type { Expression, ListExpression, ScalarExpression } from './expression.ts'
import type { Float } from './instruction.ts'
import type { Tensor } from './tensor.ts'

// What operators take, by the schema's types.

export type TensorLike = Tensor | Expression
export type TensorList = readonly TensorLike[] | ListExpression
export type OptionalTensorList = readonly (TensorLike | null)[]
export type Int = number | bigint | ScalarExpression<number>
export type Real = number | Float | ScalarExpression<number>
export type Bool = boolean | ScalarExpression<boolean>
export type Scalar = number | bigint | boolean | Float | ScalarExpression<number>
export type Device = 'cpu' | 'cuda' | `cuda:${number}` | 'meta'
export type Layout = 'strided' | 'sparse' | 'sparse_csr' | 'sparse_csc' | 'sparse_bsr' | 'sparse_bsc'
export type MemoryFormat = 'contiguous' | 'preserve' | 'channels_last' | 'channels_last_3d'
/** Of a random operator: it draws what `torch.Generator().manual_seed(seed)` would give. */
export type Seed = number | bigint
