/** Where a request has tensors, read off its schema. */
import { z } from 'zod'
import type { Places } from './parse.ts'

/** Undefined where there are none. */
export function placesOf(schema: z.core.$ZodType, tensor: z.core.$ZodType): Places | undefined {
  if (schema === tensor) return 'tensor'
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return placesOf(schema.def.innerType, tensor)
  if (schema instanceof z.ZodRecord) {
    const inner = placesOf(schema.valueType, tensor)
    return inner && { '*': inner }
  }
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).flatMap(([name, field]) => {
      const inner = placesOf(field as z.core.$ZodType, tensor)
      return inner ? [[name, inner] as const] : []
    })
    return fields.length === 0 ? undefined : Object.fromEntries(fields)
  }
  // Of several forms the first with tensors; no request has two such forms.
  if (schema instanceof z.ZodUnion && !(schema instanceof z.ZodDiscriminatedUnion)) return schema.options.map((option) => placesOf(option, tensor)).find((places) => places !== undefined)
  return undefined
}
