/** What a validation measures beside the loss: numbers computed in float64 from predictions and targets. */
import { SpecError, showShape } from './errors.ts'
import { numel, sameShape } from './ir/value.ts'
import type { TensorResult } from './tensor.ts'

export const metricNames = ['accuracy', 'mae', 'r2', 'f1', 'auc', 'perplexity'] as const
export type MetricName = (typeof metricNames)[number]

export interface Measured {
  readonly loss: number
  /** y_hat and y; absent where no metric compares them. */
  readonly prediction: TensorResult | undefined
  readonly target: TensorResult | undefined
  /** The prediction above which a sample counts as of class 1, where there is one number a sample. */
  readonly threshold: number
}

interface Compared {
  readonly loss: number
  readonly prediction: TensorResult
  readonly target: TensorResult
  readonly threshold: number
}

type Metric = (measured: Compared, refuse: (message: string) => never) => number

/** What stands for tensors that perplexity does not look at. */
const nothing: TensorResult = { shape: [0], dtype: 'float64', elements: new Float64Array(0) }

/** What each metric is. */
export const metricDocs: Readonly<Record<MetricName, string>> = {
  accuracy: 'Share of samples whose class is right',
  mae: 'Mean absolute error',
  r2: '1 - Σ(y - ŷ)² / Σ(y - ȳ)² for each column, and the mean over columns',
  f1: '2TP / (2TP + FP + FN) of class 1 where there are two classes, else the mean over the classes that are there',
  auc: 'Area under the ROC curve: how often a sample of class 1 scores above one of class 0, ties half',
  perplexity: 'e to the power of the loss',
}

const metrics: Readonly<Record<MetricName, Metric>> = {
  accuracy: (measured, refuse) => {
    const { predicted, actual } = classesOf(measured, refuse)
    return predicted.filter((label, i) => label === actual[i]).length / actual.length
  },
  mae: (measured, refuse) => {
    const { prediction, target } = alike(measured, refuse)
    return prediction.reduce((total, p, i) => total + Math.abs(p - target[i]!), 0) / target.length
  },
  /** As scikit-learn's uniform average. */
  r2: (measured, refuse) => {
    const { prediction, target } = alike(measured, refuse)
    const [rows = 1] = measured.target.shape
    const width = target.length / rows
    const scores = Array.from({ length: width }, (_, column) => {
      const own = target.filter((_y, i) => i % width === column)
      const mean = own.reduce((a, b) => a + b, 0) / rows
      const left = own.reduce((total, y, row) => total + (y - prediction[row * width + column]!) ** 2, 0)
      const all = own.reduce((total, y) => total + (y - mean) ** 2, 0)
      return all === 0 ? Number(left === 0) : 1 - left / all
    })
    return scores.reduce((a, b) => a + b, 0) / width
  },
  f1: (measured, refuse) => {
    const { predicted, actual, classes } = classesOf(measured, refuse)
    const labels = [...new Set([...predicted, ...actual])].toSorted((a, b) => a - b)
    const score = (label: number): number => {
      const hit = predicted.filter((p, i) => p === label && actual[i] === label).length
      const all = predicted.filter((p) => p === label).length + actual.filter((y) => y === label).length
      return all === 0 ? 0 : (2 * hit) / all
    }
    if (classes === 2 && labels.every((label) => label === 0 || label === 1)) return score(1)
    return labels.reduce((total, label) => total + score(label), 0) / labels.length
  },
  /** By ranks (Mann & Whitney 1947). */
  auc: (measured, refuse) => {
    const { prediction, target } = measured
    const twoColumns = prediction.shape.length === 2 && prediction.shape[1] === 2 && target.shape.length === 1
    if (!twoColumns && numel(prediction.shape) !== numel(target.shape)) {
      refuse(`it takes two classes: one score a sample, or two columns; y_hat has shape ${showShape(prediction.shape)}, y ${showShape(target.shape)}`)
    }
    const numbers = numbersOf(prediction)
    const actual = numbersOf(target)
    const samples = actual.map((y, i) => ({ y, score: twoColumns ? numbers[2 * i + 1]! - numbers[2 * i]! : numbers[i]! })).toSorted((a, b) => a.score - b.score)
    if (samples.some(({ y }) => y !== 0 && y !== 1)) refuse('targets of 0 and 1 expected')
    const positive = samples.filter(({ y }) => y === 1).length
    if (positive === 0 || positive === samples.length) return Number.NaN
    let ranks = 0
    for (let from = 0; from < samples.length; ) {
      let to = from
      while (to < samples.length && samples[to]!.score === samples[from]!.score) to++
      for (let i = from; i < to; i++) if (samples[i]!.y === 1) ranks += (from + to + 1) / 2
      from = to
    }
    return (ranks - (positive * (positive + 1)) / 2) / (positive * (samples.length - positive))
  },
  perplexity: ({ loss }) => Math.exp(loss),
}

/** The metrics by name; one that does not fit the tensors is refused. */
export function measure(names: readonly MetricName[], measured: Measured): Map<string, number> {
  const { prediction = nothing, target = nothing } = measured
  return new Map(
    names.map((name, i) => {
      const refuse = (message: string): never => {
        throw new SpecError('bad_metric', `${name}: ${message}`, { pointer: `/validation/metrics/${i}` })
      }
      return [name, metrics[name]({ ...measured, prediction, target }, refuse)]
    }),
  )
}

function numbersOf({ elements }: TensorResult): number[] {
  return Array.from(elements as ArrayLike<number | bigint>, Number)
}

function alike({ prediction, target }: Compared, refuse: (message: string) => never): { prediction: number[]; target: number[] } {
  if (!sameShape(prediction.shape, target.shape)) refuse(`y_hat and y of one shape expected, got ${showShape(prediction.shape)} and ${showShape(target.shape)}`)
  return { prediction: numbersOf(prediction), target: numbersOf(target) }
}

/**
 * Classes of the samples. y_hat of shape [N, C, …] has scores of C classes, and y has their numbers ([N, …]) or their
 * probabilities ([N, C, …]); with C = 1, or without it, y_hat is one score a sample and y is 0 or 1.
 */
function classesOf({ prediction, target, threshold }: Compared, refuse: (message: string) => never): { predicted: number[]; actual: number[]; classes: number } {
  const [rows, classes, ...rest] = prediction.shape
  if (rows !== undefined && classes !== undefined && sameShape(target.shape, [rows, ...rest]) && classes > 1) return { predicted: largest(prediction), actual: numbersOf(target), classes }
  if (numel(prediction.shape) !== numel(target.shape)) refuse(`classes of y_hat ${showShape(prediction.shape)} and y ${showShape(target.shape)} do not go together: [N, C] and [N], or one score a sample, expected`)
  if (classes !== undefined && classes > 1) return { predicted: largest(prediction), actual: largest(target), classes }
  return { predicted: numbersOf(prediction).map((p) => Number(p > threshold)), actual: numbersOf(target).map((y) => Number(y > 0)), classes: 2 }
}

/** The number of the largest of the classes, dimension 1. */
function largest(tensor: TensorResult): number[] {
  const [rows = 0, classes = 0, ...rest] = tensor.shape
  const numbers = numbersOf(tensor)
  const inner = numel(rest)
  return Array.from({ length: rows * inner }, (_, sample) => {
    const start = Math.floor(sample / inner) * classes * inner + (sample % inner)
    let best = 0
    for (let i = 1; i < classes; i++) if (numbers[start + i * inner]! > numbers[start + best * inner]!) best = i
    return best
  })
}
