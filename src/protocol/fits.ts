import type { z } from 'zod'
import type { $ZodCheck, $ZodChecks, $ZodCustom, $ZodType, $ZodTypes } from 'zod/v4/core'

/** Whether a value is just what a schema asks for. "No" may also mean that the schema has more to say. */
export type Fits = (value: unknown) => boolean

const never: Fits = () => false
const known = new WeakMap<$ZodType, Fits>()

/**
 * As schema.safeParse. Nearly every value has exactly the shape that is asked for, and is given back as it is: zod would
 * build it anew, which takes five times as long and was most of what it cost to take in a message. zod has the last
 * word on all others, and says what is wrong with them.
 */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown): z.ZodSafeParseResult<z.infer<Schema>> {
  let fits = known.get(schema)
  if (fits === undefined) known.set(schema, fits = fitsOf(schema))
  return fits(value) ? { success: true, data: value as z.infer<Schema> } : schema.safeParse(value)
}

/** A schema as a predicate; it holds for nothing where the schema changes values, or has what is not known here. */
export function fitsOf(schema: $ZodType): Fits {
  const { _zod: { def } } = schema as $ZodTypes
  const is = typeOf(def)
  const checks = (def.checks ?? []).map(checkOf)
  if (checks.length === 0) return is
  const [first = never] = checks
  return checks.length === 1
    ? value => is(value) && first(value)
    : value => is(value) && checks.every(holds => holds(value))
}

function typeOf(def: $ZodTypes['_zod']['def']): Fits {
  switch (def.type) {
    case 'boolean': return value => typeof value === 'boolean'
    case 'bigint': return 'check' in def ? never : value => typeof value === 'bigint'
    case 'string': return 'check' in def ? never : value => typeof value === 'string'
    case 'number':
      if (!('check' in def)) return Number.isFinite
      return 'format' in def && def.format === 'safeint' ? Number.isSafeInteger : never
    case 'literal': return value => def.values.includes(value as (typeof def.values)[number])
    case 'enum': {
      const values = new Set<unknown>(Object.values(def.entries))
      return value => values.has(value)
    }
    case 'optional': {
      const is = fitsOf(def.innerType)
      return value => value === undefined || is(value)
    }
    case 'array': {
      const is = fitsOf(def.element)
      return value => Array.isArray(value) && value.every(is)
    }
    case 'union': {
      // Of objects that are told apart by nothing, zod takes the first that will do, and cuts the others' keys off.
      const areApart = 'discriminator' in def || !def.options.some(option => (option as $ZodTypes)._zod.def.type === 'object')
      const options = def.options.map(fitsOf)
      return areApart ? value => options.some(is => is(value)) : never
    }
    case 'custom': return value => Boolean(def.fn(value as never))
    case 'object': return def.catchall === undefined ? objectOf(def.shape) : never
    default: return never
  }
}

/** An object with these keys and no others: zod takes those away. */
function objectOf(shape: Readonly<Record<string, $ZodType>>): Fits {
  const fields = Object.entries(shape).map(([key, schema]) => ({ key, is: fitsOf(schema) }))
  return value => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    let left = Object.keys(value).length
    for (const { key, is } of fields) {
      const field = (value as Record<string, unknown>)[key]
      if (!is(field)) return false
      if (field !== undefined || key in value) left--
    }
    return left === 0
  }
}

function checkOf(check: $ZodCheck): Fits {
  const { _zod: { def } } = check as unknown as $ZodChecks | $ZodCustom
  switch (def.check) {
    // Numbers or bigints, as the type has said.
    case 'less_than': {
      const most = def.value as number
      return def.inclusive ? value => value as number <= most : value => value as number < most
    }
    case 'greater_than': {
      const least = def.value as number
      return def.inclusive ? value => value as number >= least : value => value as number > least
    }
    case 'max_length': return value => (value as string).length <= def.maximum
    case 'min_length': return value => (value as string).length >= def.minimum
    case 'string_format': {
      const { pattern } = def
      return def.format === 'regex' && pattern !== undefined && !pattern.global && !pattern.sticky
        ? value => pattern.test(value as string) : never
    }
    case 'custom': return value => Boolean(def.fn(value as never))
    default: return never
  }
}
