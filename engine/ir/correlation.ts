/**
 * The geometry of convolutions: how a source is laid out so that every element of a kernel reads it at a constant
 * distance, and which elements of a result meet which elements of the kernel.
 *
 * Position p of a convolution's result and element t of its kernel meet element p·stride + t·dilation - before of the
 * input. With the input padded and its elements sorted by their remainder of the stride (a phase each), that is
 * element p + ⌊t·dilation / stride⌋ of one phase. Its gradient, the other way round: the places q of the input with
 * one remainder of q + before meet the same elements of the kernel, each at one distance.
 */

/** One spatial dimension. */
export interface ConvAxis {
  readonly input: number
  readonly output: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly before: number
}

/** An element of the kernel: where it reads, as an offset into one phase of the source. */
export interface Tap {
  readonly index: number
  /** Which of the phases that the source has. */
  readonly phase: number
  readonly offset: number
}

/** Places of a result that meet the same elements of the kernel: start, start + step, … */
export interface Part {
  readonly start: number
  readonly step: number
  readonly count: number
  readonly taps: readonly Tap[]
}

/** A dimension of a source as it is laid out, and of the result. */
export interface Side {
  /** Elements of the source. */
  readonly length: number
  /** Of the result, and of the kernel. */
  readonly result: number
  readonly kernel: number
  /** Element i of the source is element i + before of the padded one; less than 0 cuts. */
  readonly before: number
  readonly stride: number
  /** The remainders whose phases are read. */
  readonly phases: readonly number[]
  /** Elements of a phase. */
  readonly size: number
  readonly parts: readonly Part[]
}

/** From the input to the convolution's result. */
export function forwardSide({ input, output, kernel, stride, dilation, before }: ConvAxis): Side {
  const at = range(kernel).map((t) => t * dilation)
  const phases = [...new Set(at.map((n) => n % stride))].toSorted((a, b) => a - b)
  const taps = at.map((n, index) => ({ index, phase: phases.indexOf(n % stride), offset: Math.floor(n / stride) }))
  return { length: input, result: output, kernel, before, stride, phases, size: output + Math.max(...taps.map(({ offset }) => offset)), parts: [{ start: 0, step: 1, count: output, taps }] }
}

/** From the result back to the input. */
export function backwardSide({ input, output, kernel, stride, dilation, before }: ConvAxis): Side {
  // Of a stride beyond the input, the remainders that there are.
  const remainders = stride <= input ? range(stride) : range(input).map((q) => (((q + before) % stride) + stride) % stride).toSorted((a, b) => a - b)
  const parts = remainders.flatMap((remainder) => {
    const start = (((remainder - before) % stride) + stride) % stride
    const count = start < input ? Math.floor((input - 1 - start) / stride) + 1 : 0
    const first = (start + before - remainder) / stride
    const taps = range(kernel).filter((t) => (t * dilation) % stride === remainder).map((index) => ({ index, distance: first - (index * dilation - remainder) / stride }))
    return count > 0 ? [{ start, count, taps }] : []
  })
  const padding = Math.max(...parts.flatMap(({ taps }) => taps.map(({ distance }) => -distance)), -output)
  const placed = parts.map(({ start, count, taps }) => ({ start, step: stride, count, taps: taps.map(({ index, distance }) => ({ index, phase: 0, offset: distance + padding })) }))
  const size = Math.max(1, ...placed.flatMap(({ count, taps }) => taps.map(({ offset }) => count + offset)))
  return { length: output, result: input, kernel, before: padding, stride: 1, phases: [0], size, parts: placed }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function isPlain({ input, output, kernel, stride, before }: ConvAxis): boolean {
  return kernel === 1 && stride === 1 && before === 0 && input === output
}

/** Three dimensions; those that a kernel of one element walks one by one are joined. */
export function threeAxes(axes: readonly ConvAxis[]): readonly [ConvAxis, ConvAxis, ConvAxis] {
  const joined: ConvAxis[] = []
  for (const axis of axes) {
    const last = joined.at(-1)
    if (last && isPlain(last) && isPlain(axis)) joined[joined.length - 1] = { ...axis, input: last.input * axis.input, output: last.output * axis.output }
    else joined.push(axis)
  }
  while (joined.length < 3) joined.unshift({ input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, before: 0 })
  return joined as [ConvAxis, ConvAxis, ConvAxis]
}

/** A source in memory: channels of phases, each of [depth, height, width] elements. */
export interface SourcePlan {
  readonly sides: readonly [Side, Side, Side]
  /** Whether the source's own buffer already lies like that. */
  readonly direct: boolean
  /** Elements of a phase, and of a channel. */
  readonly phase: number
  readonly channel: number
}

export function sourcePlan(sides: readonly [Side, Side, Side]): SourcePlan {
  const phase = sides[0].size * sides[1].size * sides[2].size
  const direct = sides.every(({ phases, before, size, length, stride }) => phases.length === 1 && stride === 1 && before === 0 && size === length)
  return { sides, direct, phase, channel: phase * sides.reduce((n, { phases }) => n * phases.length, 1) }
}

/** An element of the kernel over all dimensions: its number, and its distance from a place's first element in the source. */
export interface PlacedTap {
  readonly index: number
  readonly offset: number
}

/** Parts of the result over all dimensions. */
export interface PlacedPart {
  readonly axes: readonly [Part, Part, Part]
  /** By rows of the kernel. */
  readonly rows: readonly (readonly PlacedTap[])[]
}

export function placedParts(plan: SourcePlan): PlacedPart[] {
  const [depth, height, width] = plan.sides
  const phaseOf = (d: Tap, h: Tap, w: Tap): number => (d.phase * height.phases.length + h.phase) * width.phases.length + w.phase
  const row = (d: Tap, h: Tap, taps: readonly Tap[]): PlacedTap[] => taps.map((w) => ({
    index: (d.index * height.kernel + h.index) * width.kernel + w.index,
    offset: phaseOf(d, h, w) * plan.phase + (d.offset * height.size + h.offset) * width.size + w.offset,
  }))
  return depth.parts.flatMap((d) => height.parts.flatMap((h) => width.parts.map((w) => ({
    axes: [d, h, w] as const,
    rows: w.taps.length === 0 ? [] : d.taps.flatMap((i) => h.taps.map((j) => row(i, j, w.taps))),
  }))))
}
