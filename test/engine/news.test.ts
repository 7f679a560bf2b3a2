/** What one thread has compiled, another does not compile again. */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import type { ProgramNews } from '../../engine/index.ts'
import { ProgramCache, Training, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'

const spec = (w: number, extra: object = {}) => ({ model: { parameters: { w: { value: [w, 2] } }, forward: 'y_hat = torch.tanh(w * x)' }, loss: 'y_hat.sum()', data: { x: [1, w] }, seed: 0, dtype: 'float32' as const, ...extra })
const training = { optimizer: { type: 'SGD', lr: 0.1, momentum: 0.9, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }, steps: 3, shuffle: false, drop_last: false }

/** Two engines; what the first one tells reaches the second as a message does. */
function two(): { first: Parameters<typeof backward>[1]; second: Parameters<typeof backward>[1]; compiled: () => number; told: ProgramNews[] } {
  const { port1, port2 } = new MessageChannel()
  const told: ProgramNews[] = []
  let compiled = 0
  const compile = { ...defaultCompileOptions, onStage: (stage: string) => void (stage === 'WebAssembly' && compiled++) }
  const first = { cache: new ProgramCache(10, undefined, (news) => {
    port1.postMessage(news)
    const received = (receiveMessageOnPort(port2) as { message: ProgramNews }).message
    told.push(received)
    second.cache.learn(received)
  }), limits: defaultLimits, compile: { ...defaultCompileOptions } }
  const second = { cache: new ProgramCache(10), limits: defaultLimits, compile }
  return { first, second, compiled: () => compiled, told }
}

describe('news of programs', () => {
  it('spare the other thread the compiling and the tracing, and change no number', () => {
    const { first, second, compiled, told } = two()
    backward(spec(1), first)
    const shared = backward(spec(3), second)
    expect([compiled(), shared.stats.fromCache]).toEqual([0, true])
    expect(told.map((news) => Object.keys(news).toSorted().join(' '))).toEqual(['compiled key', 'facts key text'])
    const alone = backward(spec(3), { ...first, cache: new ProgramCache() })
    expect(shared.gradients).toEqual(alone.gradients)
  })

  it('of training steps', () => {
    const { first, second, compiled } = two()
    const run = (engine: typeof first, w: number): number[] => {
      const trained = new Training({ ...spec(w), ...training }, engine, { gradients: true })
      const steps = trained.advance(3)
      trained.close()
      return [...steps.losses]
    }
    run(first, 1)
    const shared = run(second, 5)
    expect(compiled()).toBe(0)
    expect(shared).toEqual(run({ ...first, cache: new ProgramCache() }, 5))
  })

  it('of programs that draw numbers: the code, which is found by its structure', () => {
    const { first, second, compiled, told } = two()
    const noisy = (w: number): ReturnType<typeof spec> => ({ ...spec(w), model: { parameters: { w: { value: [w, 2] } }, forward: 'y_hat = w * torch.rand(2)' } })
    backward(noisy(1), first)
    expect(told).toHaveLength(1)
    expect(backward(noisy(1), second).loss).toEqual(backward(noisy(1), first).loss)
    expect(compiled()).toBe(0)
  })

  it('can be told anew to a thread that has just begun', () => {
    const { first, second, compiled } = two()
    backward(spec(1), first)
    const third = { ...second, cache: new ProgramCache(10) }
    const told: ProgramNews[] = []
    const teller = { ...second, cache: new ProgramCache(10, undefined, (news) => told.push(news)) }
    backward(spec(1), teller)
    told.length = 0
    teller.cache.tellAll()
    for (const news of told) third.cache.learn(news)
    const before = compiled()
    backward(spec(2), third)
    expect(compiled()).toBe(before)
  })
})
