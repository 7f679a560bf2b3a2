/** Gaussian elimination of square matrices in scalar code: what the routines for solutions and determinants share. */
import { invariant } from '../errors.ts'
import type { RoutineArray, RoutineCode } from '../ir/routine.ts'
import type { RoutineOperands, Value, ValueType } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'

export function requireSquare(name: string, x: Value): void {
  const [n, m] = x.shape.slice(-2)
  invariant(isFloat(x.dtype) && x.shape.length >= 2 && n === m, `${name} takes square matrices of floating-point numbers`)
}

/** Working memory for one matrix; `result` may hold it instead. */
export function oneMatrix([a]: readonly ValueType[]): { readonly dtype: ValueType['dtype']; readonly count: number }[] {
  return [{ dtype: a!.dtype, count: a!.shape.at(-1)! ** 2 }]
}

export function cubic([a]: readonly ValueType[]): number {
  return numel(a!.shape) * a!.shape.at(-1)!
}

/** A matrix in an array, from the place `base` on. */
export interface Matrix<T> {
  readonly array: RoutineArray
  readonly base: T
  readonly columns: T
}

function place<T>(s: RoutineCode<T>, { base, columns }: Matrix<T>, i: T, j: T): T {
  return s.add(base, s.add(s.mul(i, columns), j))
}

export function read<T>(s: RoutineCode<T>, matrix: Matrix<T>, i: T, j: T): T {
  return s.load(matrix.array, place(s, matrix, i, j))
}

export function write<T>(s: RoutineCode<T>, matrix: Matrix<T>, i: T, j: T, value: T): void {
  s.store(matrix.array, place(s, matrix, i, j), value)
}

export function copyAll<T>(s: RoutineCode<T>, from: Matrix<T>, to: Matrix<T>, count: T): void {
  s.for(s.int(0), count, (i) => s.store(to.array, s.add(to.base, i), s.load(from.array, s.add(from.base, i))))
}

export function swapRows<T>(s: RoutineCode<T>, matrix: Matrix<T>, i: T, k: T): void {
  s.for(s.int(0), matrix.columns, (j) => {
    const kept = read(s, matrix, i, j)
    write(s, matrix, i, j, read(s, matrix, k, j))
    write(s, matrix, k, j, kept)
  })
}

export function fillIdentity<T>(s: RoutineCode<T>, matrix: Matrix<T>, dtype: RoutineArray['dtype']): void {
  const size = matrix.columns
  s.for(s.int(0), size, (i) => s.for(s.int(0), size, (j) => write(s, matrix, i, j, s.select(s.eq(i, j), s.number(1, dtype), s.number(0, dtype)))))
}

/** row i of `matrix` -= factor · row k, from column `start` on. */
export function subtractRow<T>(s: RoutineCode<T>, matrix: Matrix<T>, i: T, k: T, factor: T, start: T): void {
  const [to, from] = [place(s, matrix, i, s.int(0)), place(s, matrix, k, s.int(0))]
  s.for(start, matrix.columns, (j) => {
    const at = s.add(to, j)
    s.store(matrix.array, at, s.sub(s.load(matrix.array, at), s.mul(factor, s.load(matrix.array, s.add(from, j)))))
  })
}

/**
 * Reduces `a` to an upper triangle, with the largest element of each column as pivot. What is done to the rows of `a`
 * is done to those of `along`. Below the diagonal of `a` the old numbers stay. A column of zeros is passed over.
 * Gives 1, or -1 after an odd number of exchanges.
 */
export function eliminate<T>(s: RoutineCode<T>, a: Matrix<T>, along?: Matrix<T>): T {
  const { dtype } = a.array
  const [one, size, zero] = [s.int(1), a.columns, s.number(0, dtype)]
  const sign = s.variable(s.number(1, dtype))
  s.for(s.int(0), size, (c) => {
    const next = s.add(c, one)
    const best = s.variable(c)
    const largest = s.variable(s.abs(read(s, a, c, c)))
    s.for(next, size, (i) => {
      const candidate = s.abs(read(s, a, i, c))
      s.if(s.lt(largest.get(), candidate), () => {
        largest.set(candidate)
        best.set(i)
      })
    })
    s.if(s.lt(c, best.get()), () => {
      swapRows(s, a, c, best.get())
      if (along) swapRows(s, along, c, best.get())
      sign.set(s.sub(zero, sign.get()))
    })
    s.if(s.not(s.eq(largest.get(), zero)), () =>
      s.for(next, size, (i) => {
        const factor = s.div(read(s, a, i, c), read(s, a, c, c))
        subtractRow(s, a, i, c, factor, next)
        if (along) subtractRow(s, along, i, c, factor, s.int(0))
      }),
    )
  })
  return sign.get()
}

/** Solves U X = B in place of `b` for the first `count` rows of the upper triangle `u`. */
export function substituteBack<T>(s: RoutineCode<T>, u: Matrix<T>, b: Matrix<T>, count: T): void {
  const one = s.int(1)
  s.for(s.int(0), count, (step) => {
    const i = s.sub(s.sub(count, step), one)
    s.for(s.add(i, one), count, (k) => subtractRow(s, b, i, k, read(s, u, i, k), s.int(0)))
    const pivot = read(s, u, i, i)
    s.for(s.int(0), b.columns, (j) => write(s, b, i, j, s.div(read(s, b, i, j), pivot)))
  })
}

/** Calls `body` for each matrix of the first operand, with it copied to working memory. */
export function forEachMatrix<T>(s: RoutineCode<T>, { inputs, scratch, shapes }: RoutineOperands, body: (a: Matrix<T>, which: T) => void): void {
  const n = shapes[0]!.at(-1)!
  const [size, count] = [s.int(n), s.int(n * n)]
  const a: Matrix<T> = { array: scratch[0]!, base: s.int(0), columns: size }
  s.for(s.int(0), s.int(numel(shapes[0]!.slice(0, -2))), (which) => {
    copyAll(s, { array: inputs[0]!, base: s.mul(which, count), columns: size }, a, count)
    body(a, which)
  })
}
