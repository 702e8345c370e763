import { thirds } from '../checkpoint/blocks.ts'
import { version } from '../version.ts'
import type { CheckpointChain } from './chain.ts'

/** The head of a result file: what was compared, and the depth axis of its plots. */
export function metadataOf(chain: CheckpointChain) {
  const { numHiddenLayers, vision } = chain.checkpoints[0]!.config
  const { early, middle, late } = thirds(numHiddenLayers)
  // unified indices, the last one included
  const region = ([begin, end]: readonly [number, number]): [number, number] => [begin + 1, end]
  return {
    schema: 1,
    version,
    models: chain.names,
    updates: chain.updates,
    relative_to: chain.names[chain.reference]!,
    num_hidden_layers: numHiddenLayers,
    vision_depth: vision?.depth ?? 0,
    regions: { early: region(early), middle: region(middle), late: region(late) },
  }
}

export type Metadata = ReturnType<typeof metadataOf>
