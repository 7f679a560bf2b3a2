/**
 * How an optimizer is defined: one record. The update rule is graph; what depends on the count of steps alone (bias
 * corrections, momentum schedules) is computed in float64 outside of it, as PyTorch computes it in Python.
 */
import { z } from 'zod'
import type { Shape, Value } from '../ir/value.ts'
import * as ew from '../ops/elementwise.ts'
import { expand } from '../ops/view.ts'

/** Numbers that an update rule reads, each a 0-d tensor of the parameter's dtype. */
export type Numbers = Readonly<Record<string, Value>>
export type Slots = Readonly<Record<string, Value>>
/** The options of a parameter group, by torch's names, as a schedule has set them. */
export type GroupOptions = Readonly<Record<string, unknown>>
/** Options without the rate, which is a number of the step. */
export type Baked<O> = Omit<O, 'lr' | 'initial_lr'>
/** Python numbers that an optimizer keeps for a group. */
export type Kept = Readonly<Record<string, number>>
/** To the precision of the spec's dtype: for numbers that PyTorch keeps as tensors. */
export type Round = (x: number) => number

/** All trained parameters, or a gradient of all of them, one after the other. */
export type Vector = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** What an optimizer that searches keeps. */
export interface SearchMemory {
  readonly kept: Kept
  readonly vectors: Readonly<Record<string, readonly Vector[]>>
}

/** A step that looks at the loss at several points, instead of an update rule. */
interface SearchRecord<O> {
  /** How many vectors of each name there are, by the kept numbers; undefined where those cannot be. */
  readonly counts: (options: O, kept: Kept) => Readonly<Record<string, number>> | undefined
  /** `evaluate` is called with `start` first: that loss and gradient are the step's. */
  readonly step: (options: O, memory: SearchMemory, start: Vector, evaluate: (point: Vector) => { readonly loss: number; readonly gradient: Vector }, round: Round) => { readonly point: Vector; readonly memory: SearchMemory }
}

export type Search = SearchRecord<GroupOptions>

export interface Next {
  /** What the update rule reads in this step. */
  readonly numbers: Kept
  /** What is kept after it. */
  readonly kept: Kept
}

/** A record with its options' type; `optimizer` erases it. */
export interface OptimizerRecord<O> {
  readonly type: string
  readonly doc: string
  /** Tensors that it keeps for each parameter, by torch's names, and what their elements start as. */
  readonly slots: (options: O) => Readonly<Record<string, number>>
  /** Numbers that it keeps for a group, and what they start as. */
  readonly kept?: (options: O, round: Round) => Kept
  /** The numbers of step `step`, from 1. */
  readonly next: (options: O, step: number, kept: Kept, round: Round) => { readonly numbers: Kept; readonly kept?: Kept }
  /** Whether every step from `step` on has the same numbers and keeps the same, while the options stay. */
  readonly steady?: (options: O, step: number) => boolean
  readonly update?: (options: Baked<O>, gradient: Value, parameter: Value, slots: Slots, numbers: Numbers) => { parameter: Value; slots?: Slots }
  /** Whether the update of an element depends on others of its tensor. */
  readonly wholeTensors?: boolean
  readonly search?: SearchRecord<O>
  /** What is wrong with options that do not go together. */
  readonly check?: (options: O) => string | undefined
  /** What is wrong with a parameter of this shape, where not every shape can be trained. */
  readonly refuses?: (shape: Shape) => string | undefined
}

export interface Optimizer {
  readonly type: string
  readonly doc: string
  readonly options: z.ZodRawShape
  readonly slots: (options: GroupOptions) => Readonly<Record<string, number>>
  /** `step` is the count of steps that are done. */
  readonly start: (options: GroupOptions, round: Round) => Kept
  readonly next: (options: GroupOptions, kept: Kept, round: Round) => Next
  /** Whether it keeps nothing but the count of steps. */
  readonly counts: boolean
  /** The numbers of step `step`, from 1, of one that counts only. */
  readonly numbers: (options: GroupOptions, step: number, round: Round) => Kept
  /** Whether all steps from here on have the numbers of the next, and only count on in what is kept. */
  readonly steady: (options: GroupOptions, kept: Kept) => boolean
  readonly update: (options: Baked<GroupOptions>, gradient: Value, parameter: Value, slots: Slots, numbers: Numbers) => { parameter: Value; slots: Slots }
  readonly wholeTensors: boolean
  /** Present where a step searches: nothing is updated by the graph then. */
  readonly search: Search | undefined
  readonly check: (options: GroupOptions) => string | undefined
  readonly refuses: (shape: Shape) => string | undefined
}

export function optimizer<S extends z.ZodRawShape>(options: S, record: OptimizerRecord<z.infer<z.ZodObject<S>>>): Optimizer {
  type Typed = z.infer<z.ZodObject<S>>
  return {
    type: record.type,
    doc: record.doc,
    options,
    slots: (given) => record.slots(given as Typed),
    start: (given, round) => ({ ...record.kept?.(given as Typed, round), step: 0 }),
    next: (given, kept, round) => {
      const step = kept['step']! + 1
      const { numbers, kept: after } = record.next(given as Typed, step, kept, round)
      return { numbers, kept: { ...kept, ...after, step } }
    },
    counts: record.kept === undefined && record.search === undefined,
    numbers: (given, step, round) => record.next(given as Typed, step, {}, round).numbers,
    steady: (given, kept) => record.steady?.(given as Typed, kept['step']! + 1) === true,
    update: (given, gradient, parameter, slots, numbers) => ({ parameter, slots: {}, ...record.update?.(given as Baked<Typed>, gradient, parameter, slots, numbers) }),
    wholeTensors: record.wholeTensors === true,
    search: record.search as Search | undefined,
    check: (given) => record.check?.(given as Typed),
    refuses: (shape) => record.refuses?.(shape),
  }
}

/** A number of the step as a factor for a whole tensor. */
export function times(x: Value, number: Value): Value {
  return ew.mul(x, spread(number, x))
}

export function spread(number: Value, like: Value): Value {
  return expand(number, like.shape)
}

export const rate = z.number().nonnegative()
export const decay = z.number().nonnegative().default(0)
export const epsilon = z.number().nonnegative()
export const flag = z.boolean().default(false)
const beta = z.number().min(0).lt(1)
export const betas = z.array(beta).length(2)

/** The direction of descent: the gradient, or against it, with L2 decay. */
export function withDecay(gradient: Value, parameter: Value, options: { readonly weight_decay: number; readonly maximize?: boolean }): Value {
  const direction = options.maximize === true ? ew.neg(gradient) : gradient
  return options.weight_decay === 0 ? direction : ew.add(direction, ew.mul(parameter, options.weight_decay))
}

/** keep · average + (1 - keep) · x, where the numbers are baked in. */
export function blend(average: Value, x: Value, keep: number): Value {
  return ew.add(ew.mul(average, keep), ew.mul(x, 1 - keep))
}

/**
 * keep · average + x. One that has decayed to a subnormal number is 0: processors take many times as long for
 * those, and a weight that gets no gradient any more would keep one for good.
 */
export function moment(average: Value, keep: Value, x: Value): Value {
  const next = ew.add(times(average, keep), x)
  return ew.where(ew.lt(ew.abs(next), smallestNormal[next.dtype as 'float32' | 'float64']), ew.fullLike(next, 0), next)
}

const smallestNormal = { float32: 2 ** -126, float64: 2 ** -1022 } as const
