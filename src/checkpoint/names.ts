/**
 * How a checkpoint spells its parameters. `hub`: `visual.…`, `model.layers.…`, as released and as transformers writes a
 * model that was loaded from such files; `nested`: `model.visual.…`, `model.language_model.layers.…`, as models built
 * since 4.52 are named in memory and sometimes saved. A text-only model has the `hub` spelling alone.
 */
export type Layout = 'hub' | 'nested'

/** The internal name, which is the spelling of points, of a stored parameter. */
export function internalName(storedName: string): string {
  const path = storedName.replace(/^model\.(?=(visual|language_model)\.)/, '')
  return path.replace(/^model\./, 'language_model.')
}

/** The name under which a checkpoint of `layout` stores the parameter `name`. */
export function storedName(name: string, layout: Layout): string {
  if (name === 'lm_head.weight') return name
  return layout === 'nested' ? `model.${name}` : name.replace(/^language_model\./, 'model.')
}

/** The layout that stored names show. */
export function layoutOf(storedNames: Iterable<string>): Layout {
  for (const name of storedNames) if (/^model\.(visual|language_model)\./.test(name)) return 'nested'
  return 'hub'
}

/** Buffers that old versions saved and every version recomputes. */
export function isIgnored(storedName: string): boolean {
  return storedName.endsWith('.inv_freq')
}
