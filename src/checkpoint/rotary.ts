import type { Fields } from './fields.ts'
import { isObject, type JsonObject, shown } from './json.ts'

export interface Rotary {
  ropeTheta: number
  mropeSection: number[]
}

/**
 * Base and sections of the rotary positions. Up to 4.57 `rope_theta` is a field of its own and `rope_scaling` holds the
 * type and the sections (`{type: mrope}`, later `{rope_type: default, type: default}` for the same thing); 5.x has all in `rope_parameters`.
 */
export function readRotary(text: Fields, hasVision: boolean): Rotary {
  const objects = ['rope_parameters', 'rope_scaling'].flatMap((name) =>
    text.all(name).map((value) => {
      if (!isObject(value)) throw text.error(name, `expected an object but found ${shown(value)}`)
      checkType(text, name, value, hasVision)
      return value
    }),
  )
  const thetas = [...text.all('rope_theta'), ...valuesOf(objects, 'rope_theta')]
  const ropeTheta = agreed(text, 'rope_theta', thetas)
  if (typeof ropeTheta !== 'number' || !(ropeTheta >= 1 && ropeTheta <= 1e12)) {
    throw text.error('rope_theta', `expected a number between 1 and 1e12 but found ${shown(ropeTheta ?? null)}`)
  }
  if (!hasVision) return { ropeTheta, mropeSection: [] }
  const mropeSection = agreed(text, 'mrope_section', valuesOf(objects, 'mrope_section'))
  if (
    !Array.isArray(mropeSection) ||
    mropeSection.length !== 3 ||
    !mropeSection.every((part) => Number.isSafeInteger(part) && part > 0)
  ) {
    throw text.error(
      'mrope_section',
      `expected three integers ≥ 1 (time, height, width) but found ${shown(mropeSection ?? null)}`,
    )
  }
  return { ropeTheta, mropeSection }
}

function checkType(text: Fields, name: string, value: JsonObject, hasVision: boolean): void {
  const supported: unknown[] = hasVision ? ['default', 'mrope'] : ['default']
  for (const key of ['rope_type', 'type']) {
    const type = value[key]
    if (type !== undefined && !supported.includes(type)) {
      throw text.error(
        `${name}.${key}`,
        `expected ${supported.join(' or ')} but found ${shown(type)}: other rotary scalings are not supported`,
      )
    }
  }
}

function valuesOf(objects: JsonObject[], name: string): unknown[] {
  return objects.map((object) => object[name]).filter((value) => value !== undefined && value !== null)
}

function agreed(text: Fields, name: string, values: unknown[]): unknown {
  const other = values.find((value) => JSON.stringify(value) !== JSON.stringify(values[0]))
  if (other === undefined) return values[0]
  throw text.error(name, `${shown(values[0])} contradicts ${shown(other)} elsewhere in the file`)
}
