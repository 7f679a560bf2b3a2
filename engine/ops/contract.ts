/** Products of matrices. */
import { invariant, showShape } from '../errors.ts'
import type { KernelOp, Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import { register } from './define.ts'
import { transposeLast } from './view.ts'

export const matmulOp: KernelOp = register({
  kind: 'matmul',
  name: 'matmul',
  infer: ([a, b]) => {
    invariant(a!.dtype === b!.dtype && isFloat(a!.dtype), () => `matmul takes two floating-point tensors of one dtype, got ${a!.dtype} and ${b!.dtype}`)
    const batch = a!.shape.slice(0, -2)
    const [m, k] = a!.shape.slice(-2) as [number, number]
    const [k2, n] = b!.shape.slice(-2) as [number, number]
    invariant(a!.shape.length >= 2 && k === k2 && sameShape(batch, b!.shape.slice(0, -2)), () => `matmul of ${showShape(a!.shape)} and ${showShape(b!.shape)}`)
    return { shape: [...batch, m, n], dtype: a!.dtype }
  },
  grad: (g, [a, b]) => [matmul(g, transposeLast(b!)), matmul(transposeLast(a!), g)],
  evaluate: ([a, b], _attrs, result) => {
    const [m, n] = result.slice(-2) as [number, number]
    const k = a!.shape.at(-1)!
    const out = new Float64Array(numel(result))
    for (let batch = 0; batch * m * n < out.length; batch++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let total = 0
          for (let p = 0; p < k; p++) total += a!.data[(batch * m + i) * k + p]! * b!.data[(batch * k + p) * n + j]!
          out[(batch * m + i) * n + j] = total
        }
      }
    }
    return out
  },
})

/** [..., m, k] times [..., k, n] gives [..., m, n]; the leading axes are equal. */
export function matmul(a: Value, b: Value): Value {
  return a.graph.add(matmulOp, [a, b])
}
