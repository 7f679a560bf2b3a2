/** Problems (RFC 9457): every code of the service and the engine with its HTTP status. */
import type { ErrorCode } from '../engine/errors.ts'
import { errorCodes } from '../engine/errors.ts'

/** Codes of the service itself. The engine's own codes are all 422. */
export const serviceCodes = {
  invalid_json: { status: 400, title: 'The body is not JSON.' },
  invalid_request: { status: 400, title: 'The request does not have the documented form.' },
  not_found: { status: 404, title: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, title: 'The path does not take this method.' },
  not_acceptable: { status: 406, title: 'The answer cannot be given in an accepted form.' },
  body_too_large: { status: 413, title: 'The body is larger than the limit.' },
  unsupported_media_type: { status: 415, title: 'The body is not sent as application/json.' },
  internal_error: { status: 500, title: 'A fault of the service.' },
  queue_full: { status: 503, title: 'Too many requests wait for a worker.' },
  shutting_down: { status: 503, title: 'The service is shutting down.' },
  timeout: { status: 504, title: 'The computation took longer than the limit.' },
} as const

export type ServiceCode = keyof typeof serviceCodes
export type ProblemCode = ServiceCode | ErrorCode

/** Faults of a bad request inside `errors`. */
export const formCodes = {
  missing_field: 'A required field is missing.',
  unknown_field: 'A field that does not exist.',
  invalid_type: 'A value of the wrong type.',
  invalid_value: 'A value that is not allowed.',
} as const

export interface FaultItem {
  readonly pointer?: string
  readonly code: string
  readonly message: string
  readonly line?: number
  readonly column?: number
}

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly errors?: readonly FaultItem[]
}

/** Faults that one answer names, at most. */
export const maxFaults = 20

function isServiceCode(code: string): code is ServiceCode {
  return code in serviceCodes
}

export function problem(code: string, detail: string, errors?: readonly FaultItem[]): Problem {
  const { status, title } = isServiceCode(code) ? serviceCodes[code] : { status: 422, title: errorCodes[code as ErrorCode] }
  return { type: `/errors#${code}`, title, status, detail, code, ...(errors && errors.length > 0 && { errors }) }
}
