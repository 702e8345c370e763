// Opaque handles: what they hold lives in C++.
declare const brand: unique symbol
export type TensorHandle = { readonly [brand]: 'tensor' }
export type ModelHandle = { readonly [brand]: 'model' }
export type BatchHandle = { readonly [brand]: 'batch' }
export type MappedFileHandle = { readonly [brand]: 'mapped file' }
export type ProgramHandle = { readonly [brand]: 'program' }
export type TrainerHandle = { readonly [brand]: 'trainer' }
export type CancellationHandle = { readonly [brand]: 'cancellation' }
