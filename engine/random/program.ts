/**
 * The draws of a program. A tensor of random numbers is an input of the graph: the graph stays the same from step to
 * step, and the generator fills the input before each one.
 */
import { invariant } from '../errors.ts'
import type { DType, Shape } from '../ir/types.ts'
import type { Drawn } from './draw.ts'
import type { Mt19937 } from './mt19937.ts'

/** An input of the graph and how it is drawn. */
export interface DrawnInput {
  readonly name: string
  readonly shape: Shape
  readonly dtype: DType
  readonly draw: (generator: Mt19937) => Drawn
}

/** One thing that the program asks of the generator: numbers, or to start anew with another seed. */
export type Draw = DrawnInput | { readonly seed: number }

export function drawnInputs(draws: readonly Draw[]): DrawnInput[] {
  return draws.filter((draw) => 'name' in draw)
}

/** The draws of one forward pass, made in the order of the program as its numbers are asked for. */
export class Drawing {
  /** What the program asks for; it may grow while the program is followed. */
  readonly draws: Draw[]
  readonly #generator: Mt19937
  readonly #drawn = new Map<string, Drawn>()
  #made = 0

  constructor(generator: Mt19937, draws: Draw[] = []) {
    this.#generator = generator
    this.draws = draws
  }

  /** The numbers of an input. */
  read(name: string): Drawn {
    while (!this.#drawn.has(name)) this.#next()
    return this.#drawn.get(name)!
  }

  /** Makes the draws that nobody asked for, too: the generator is then where PyTorch's is after the pass. */
  finish(): void {
    while (this.#made < this.draws.length) this.#next()
  }

  #next(): void {
    const draw = this.draws[this.#made++]
    invariant(draw, 'only inputs that are drawn are read')
    if ('seed' in draw) this.#generator.seed(draw.seed)
    else this.#drawn.set(draw.name, draw.draw(this.#generator))
  }
}
