/** Kernels and the memory plan as text, and what a kernel costs: for the debug ladder and for snapshots. */
import { showShape } from '../errors.ts'
import { printValue } from '../ir/print.ts'
import type { Primitive, Value } from '../ir/value.ts'
import { byteSize, numel } from '../ir/value.ts'
import type { Access, LoopKernel } from './lower.ts'
import type { MemoryPlan } from './memory.ts'
import type { Kernel } from './schedule.ts'

export interface KernelInfo {
  readonly title: string
  /** Arithmetic operations of a run; a function like exp counts as one. */
  readonly operations: number
  /** Bytes that it reads and writes, each once. */
  readonly bytes: number
}

export function kernelInfo(kernel: Kernel): KernelInfo {
  const bytes = bytesOf(kernel)
  if (kernel.kind === 'matmul') {
    const { m, n, k, product, skips, ending } = kernel
    const steps = ending?.steps ?? []
    const then = steps.length === 0 ? '' : `, then ${summary(steps)}`
    return { title: `product ${m}x${k} @ ${k}x${n}${batchOf(product)}${skips ? ', skipping zeros' : ''}${then}`, operations: (2 * k + steps.length) * numel(product.shape), bytes }
  }
  if (kernel.kind === 'routine') {
    return { title: `${kernel.value.op.name} ${kernel.value.inputs.map(({ shape }) => showShape(shape)).join(', ')}`, operations: kernel.op.operations(kernel.value.inputs, kernel.value.attrs), bytes }
  }
  const operations = kernel.steps.reduce((sum, { value }) => sum + (value.op.kind === 'map' && value.op.cost === 0 ? 0 : workOf(value)), 0)
  const sizes = kernel.sizes.map((size, i) => `${size}${kernel.reduced[i] ? ' folded' : ''}`).join(' x ')
  return { title: `loop ${sizes === '' ? '1' : sizes}: ${summary(kernel.steps.map(({ value }) => value))}`, operations, bytes }
}

/** Of each buffer what is read and written: a part of it where all accesses are of parts. */
function bytesOf(kernel: Kernel): number {
  const counts = new Map<Value, number>()
  const count = (base: Value, elements: number): void => {
    counts.set(base, Math.min(numel(base.shape), (counts.get(base) ?? 0) + elements))
  }
  if (kernel.kind === 'loop') for (const { base, elements } of partsRead(kernel)) count(base, elements)
  else if (kernel.kind === 'matmul') {
    const { product, value, a, b, m, k, n, rows } = kernel
    const batch = numel(product.shape.slice(0, -2))
    for (const [base, elements] of [[a.base, batch * m * k], [b.base, batch * k * n], [value, numel(value.shape)]] as const) count(base, elements)
    for (const { base } of rows) count(base, n)
  } else for (const base of [...kernel.reads.keys(), ...kernel.writes]) count(base, numel(base.shape))
  let bytes = 0
  for (const [{ dtype }, elements] of counts) bytes += elements * byteSize[dtype]
  return bytes
}

/** The different parts of buffers that a loop kernel reads or writes. */
function partsRead({ steps, sizes }: LoopKernel): Iterable<{ readonly base: Value; readonly elements: number }> {
  const parts = new Map<string, { base: Value; elements: number }>()
  const see = ({ base, offset, strides }: Access, most?: number): void => {
    if ('scratch' in base) return
    const elements = most ?? sizes.reduce((n, size, i) => (strides[i] === 0 ? n : n * size), 1)
    parts.set(`${base.id} ${offset} ${strides.join()}`, { base, elements })
  }
  for (const { value, args, indexed, stores } of steps) {
    for (const arg of args) if (arg.kind === 'load') see(arg.access)
    for (const access of stores) see(access)
    if (!indexed) continue
    see(indexed.index)
    // What is added to is also set to zero first; of what is gathered from, only what is taken is read.
    see(indexed.target, numel(value.shape))
  }
  return parts.values()
}

/** What a kernel takes on one core, roughly: enough to say whether it is worth sharing. */
export function kernelNs(kernel: Kernel): number {
  const { operations, bytes } = kernelInfo(kernel)
  if (kernel.kind !== 'loop') return operations / 60
  const costs = kernel.steps.reduce((sum, { value }) => sum + workOf(value) * (value.op.kind === 'map' ? value.op.cost : 1), 0)
  return costs / 50 + bytes / 30
}

function batchOf(product: Value): string {
  return product.shape.length > 2 ? `, ${product.shape.slice(0, -2).join(' x ')} times` : ''
}

function workOf(value: Value): number {
  return numel(value.op.kind === 'reduce' || value.op.kind === 'scatter' ? value.inputs[0]!.shape : value.shape)
}

/** `mul 3, sum 2`: which operations, most frequent first. */
function summary(values: readonly { readonly op: Primitive }[]): string {
  const counts = new Map<string, number>()
  for (const { op } of values) counts.set(op.name, (counts.get(op.name) ?? 0) + 1)
  const parts = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name, count]) => (count === 1 ? name : `${count} ${name}`))
  return parts.length > 8 ? `${parts.slice(0, 8).join(', ')}, …` : parts.join(', ')
}

/** Each kernel with the values that it computes, by the numbers of the printed graph. */
export function printKernels(kernels: readonly Kernel[], numbers: ReadonlyMap<Value, number>): string {
  const shown = (values: Iterable<Value>): string => [...values].map((value) => `%${numbers.get(value) ?? '?'}`).join(' ')
  return kernels
    .map((kernel, i) => {
      const values = valuesOf(kernel)
      const phases = kernel.kind === 'loop' && kernel.phases > 1 ? `, ${kernel.phases} phases` : ''
      const lines = values.map((value) => `  ${printValue(value, numbers)}`)
      return [`kernel ${i}: ${kernelInfo(kernel).title}${phases}; reads ${shown(kernel.reads.keys())}; writes ${shown(kernel.writes)}`, ...lines].join('\n')
    })
    .join('\n')
}

function valuesOf(kernel: Kernel): readonly Value[] {
  if (kernel.kind === 'loop') return [...new Set(kernel.steps.map(({ value }) => value))]
  return kernel.kind === 'matmul' ? kernel.members : [kernel.value]
}

/** Buffers by address: `1024..1088  %3 float32[4]`. */
export function printMemory(memory: MemoryPlan, numbers: ReadonlyMap<Value, number>): string {
  const lines = [...memory.addresses]
    .map(([base, address]) => ({ base, address, end: address + memory.sizes.get(base)! }))
    .toSorted((a, b) => a.address - b.address || a.end - b.end)
    .map(({ base, address, end }) => {
      if ('scratch' in base) return `${address}..${end}  scratch ${base.scratch} ${base.dtype}`
      return `${address}..${end}  ${numbers.has(base) ? `%${numbers.get(base)!}` : 'unused'} ${base.dtype}[${base.shape.join(', ')}]`
    })
  const own = memory.ownBytes === 0 ? '' : `; ${memory.ownBytes} bytes for each thread`
  return [...lines, `${memory.workspace}..${memory.end}  panels of products${own}`].join('\n')
}
