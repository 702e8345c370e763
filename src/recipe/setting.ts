import { blockOf } from '../checkpoint/blocks.ts'
import { error } from '../errors.ts'
import { selectParameters } from '../model/selectors.ts'
import type { Decoder, Filtered, Setting, Value } from './rule.ts'

/** The parameter a setting is asked about. */
export interface Place {
  /** Internal name. */
  name: string
  /** Decoder layers [begin, end) over which gradients run. */
  layers: readonly [begin: number, end: number]
}

/** Reads settings at parameters of a model whose parameters are `names`. */
export class SettingReader {
  private readonly names: readonly string[]
  private readonly decoder: Decoder
  private readonly named = new Map<string, ReadonlySet<string>>()

  constructor(names: readonly string[], decoder: Decoder) {
    this.names = names
    this.decoder = decoder
  }

  /**
   * The value at `place`: of a list with filters the first entry that applies, undefined where none does; of a gradient the value at the
   * depth of the layer, linear between its points. Before the decoder a gradient has its first value, after it its last.
   */
  at(setting: Setting, place: Place): Value | undefined {
    if (isFiltered(setting)) {
      const entry = setting.find(({ filter }) => filter == null || this.applies(filter, place.name))
      return entry && this.at(entry.value, place)
    }
    return Array.isArray(setting) ? this.gradient(setting as readonly Value[], place) : (setting as Value)
  }

  private applies(filter: string, name: string): boolean {
    if (!isSelector(filter)) return name.includes(filter)
    let chosen = this.named.get(filter)
    if (!chosen) {
      const { numHiddenLayers, cuts } = this.decoder
      chosen = new Set(selectParameters([filter], { names: this.names, numHiddenLayers, cuts }))
      this.named.set(filter, chosen)
    }
    return chosen.has(name)
  }

  private gradient(values: readonly Value[], place: Place): Value {
    const at = this.depth(place) * (values.length - 1)
    const [below, above] = [values[Math.floor(at)]!, values[Math.ceil(at)]!]
    if (below === above) return below
    if (typeof below !== 'number' || typeof above !== 'number') {
      throw error('ERR_RECIPE', `Expected numbers in a gradient but found ${JSON.stringify(values)}`)
    }
    return below + (above - below) * (at - Math.floor(at))
  }

  // 0 at the first layer, 1 at the last.
  private depth({ name, layers: [begin, end] }: Place): number {
    const layer = /^language_model\.layers\.(\d+)\./.exec(name)?.[1]
    if (layer === undefined) return blockOf(name, this.decoder.numHiddenLayers) === 'head' ? 1 : 0
    return end - begin > 1 ? (Number(layer) - begin) / (end - begin - 1) : 0
  }
}

function isFiltered(setting: Setting): setting is readonly Filtered[] {
  return Array.isArray(setting) && typeof setting[0] === 'object'
}

// What names a part rather than a piece of a name: an alias, or a path from the top.
function isSelector(filter: string): boolean {
  return /^(early|middle|late|vision|projector|embeddings)$|^(model\.|visual\b|language_model\b|lm_head\b|\*)|\[/.test(
    filter,
  )
}
