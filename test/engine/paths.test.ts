import { describe, expect, it } from 'vitest'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'
import type { Engine, TrainSpec } from '../../engine/index.ts'

function engine(): Engine {
  return { cache: new ProgramCache(), compile: { ...defaultCompileOptions, verify: true }, limits: defaultLimits }
}

const descent = { type: 'SGD', lr: 0.01, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }

function spec(forward: string, more: Partial<TrainSpec> = {}): TrainSpec {
  return {
    model: { parameters: { w: { value: 1 } }, forward },
    loss: '((y_hat - y)**2).mean()',
    data: { x: [1, 2], y: [9, 11] },
    seed: 0,
    dtype: 'float64',
    optimizer: descent,
    steps: 12,
    shuffle: false,
    drop_last: false,
    ...more,
  }
}

/** Losses of all steps, and the parameter at the end, with as many steps at a time as given. */
function run(what: TrainSpec, on: Engine, stride: number): { readonly losses: number[]; readonly w: number; readonly training: Training } {
  const training = new Training(what, on, { gradients: true })
  const losses: number[] = []
  while (training.status === 'running') losses.push(...training.advance(stride).losses)
  const w = Number(training.state().get('w')!.elements[0])
  training.close()
  return { losses, w, training }
}

const doubling = 'h = x * w\nwhile h.norm() < 10:\n    h = h * 2\ny_hat = h'

describe('runs whose path changes', () => {
  it('computes what Python computes by hand', () => {
    // The same run in plain numbers.
    let w = 1
    const losses: number[] = []
    const rounds: number[] = []
    for (let step = 0; step < 12; step++) {
      let factor = 1
      let n = 0
      while (Math.hypot(factor * w, 2 * factor * w) < 10) {
        factor *= 2
        n++
      }
      const [a, b] = [factor * w - 9, 2 * factor * w - 11]
      losses.push((a * a + b * b) / 2)
      rounds.push(n)
      w -= 0.01 * (a * factor + b * 2 * factor)
    }
    expect(new Set(rounds).size).toBeGreaterThan(2)
    const got = run(spec(doubling), engine(), 5)
    expect(got.training.status).toBe('succeeded')
    for (const [i, loss] of losses.entries()) expect(got.losses[i]).toBeCloseTo(loss, 10)
    expect(got.w).toBeCloseTo(w, 10)
  })

  it('gives the same bits however many steps are asked for at a time, and with programs that are cached', () => {
    const shared = engine()
    const first = run(spec(doubling), shared, 1)
    for (const [on, stride] of [[shared, 1], [shared, 3], [engine(), 64]] as const) {
      const again = run(spec(doubling), on, stride)
      expect(again.losses).toEqual(first.losses)
      expect(again.w).toBe(first.w)
    }
  })

  it('makes room for a path that needs more memory than the first', () => {
    const program = 'if w < 1.05:\n    y_hat = w * x\nelse:\n    m = torch.tanh(torch.ones(300, 300) * w) @ torch.sin(torch.ones(300, 300) * w)\n    y_hat = w * x + m.mean() / 1000'
    const small = run(spec(program, { steps: 1 }), engine(), 1)
    const large = run(spec(program), engine(), 4)
    expect(large.training.stats.memoryBytes).toBeGreaterThan(small.training.stats.memoryBytes + 300 * 300 * 8)
    expect(large.losses).toHaveLength(12)
    expect(large.losses.every((loss, i) => i === 0 || loss < large.losses[i - 1]!)).toBe(true)
  })

  it('reads literals anew after another program has used the memory', () => {
    const x = [[1], [-1], [2], [-3]]
    const batches = { data: { x, y: x.map(([v]) => [Math.abs(v!) * 2]) }, batch_size: 1, epochs: 3, steps: undefined }
    const other = 'm = torch.sin(torch.ones(8, 8) * w)\n    m = m @ m @ m'
    const got = run(spec(`if x.sum() > 0:\n    y_hat = (w * x).expand(1, 3) * torch.tensor([0.5, 0.75, 1.25])\nelse:\n    ${other}\n    y_hat = w * x + m.sum() * 0`, batches), engine(), 8)
    const plain = run(spec('y_hat = torch.where(x.sum() > 0, (w * x).expand(1, 3) * torch.tensor([0.5, 0.75, 1.25]), w * x)', batches), engine(), 8)
    for (const [i, loss] of plain.losses.entries()) expect(got.losses[i]).toBeCloseTo(loss, 10)
  })

  it('takes the path of each minibatch, also of the smaller one at the end', () => {
    const x = [[1], [-1], [2], [-3], [4]]
    const batches = { data: { x, y: x.map(([v]) => [Math.abs(v!) * 2]) }, batch_size: 2, epochs: 6, steps: undefined }
    const got = run(spec('if x.sum() > 0:\n    y_hat = w * x.abs()\nelse:\n    y_hat = w * -x.clamp(max=0)', batches), engine(), 8)
    const plain = run(spec('y_hat = torch.where(x.sum() > 0, w * x.abs(), w * -x.clamp(max=0))', batches), engine(), 8)
    expect(got.losses).toHaveLength(18)
    for (const [i, loss] of plain.losses.entries()) expect(got.losses[i]).toBeCloseTo(loss, 10)
  })

  it('costs nothing where the condition never changes', () => {
    const { training } = run(spec('if x.sum() > 0:\n    y_hat = w * x\nelse:\n    y_hat = -w * x'), engine(), 4)
    const plain = run(spec('y_hat = w * x'), engine(), 4)
    expect(training.stats.memoryBytes).toBe(plain.training.stats.memoryBytes)
  })

  it('says in which step of which path a number stopped being finite', () => {
    const { training } = run(spec('y_hat = w * x\nif w > 1.3:\n    y_hat = y_hat + torch.log(x - x)', { steps: 30 }), engine(), 8)
    expect(training.status).toBe('diverged')
    expect(training.nonFinite).toMatchObject({ phase: 'forward', place: { pointer: '/model/forward', line: 3 } })
    expect(training.nonFinite!.step).toBeGreaterThan(2)
  })

  it('throws the errors of the path that is taken, and of no other', () => {
    const program = 'n = (w * 10).long()\nif n < 12:\n    y_hat = w * x + x[n - 10]\nelse:\n    y_hat = w * x'
    expect(run(spec(program), engine(), 4).losses).toHaveLength(12)
    const wrong = 'n = (w * 10).long()\nif n < 100:\n    y_hat = w * x + x[n - 10]\nelse:\n    y_hat = w * x'
    expect(() => run(spec(wrong), engine(), 4)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ code: 'index_out_of_range', line: 3 })] }))
    const later = 'if w < 1.2:\n    y_hat = w * x\nelse:\n    y_hat = x @ x.T @ x'
    expect(() => run(spec(later), engine(), 4)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ code: 'shape_mismatch', line: 4 })] }))
  })
})
