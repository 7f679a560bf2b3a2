/**
 * A few jobs, each at a place with a number, found by their ids. A Map would leave a table behind whenever its entries
 * have come and gone; such tables lead to each other, and once one of them is old, V8 keeps what all later ones held
 * alive until it collects the old generation: every request would survive.
 */
export class Places<Job extends { readonly id: number }> {
  readonly #jobs: (Job | undefined)[]
  #size = 0

  constructor(count: number) {
    this.#jobs = Array.from({ length: count }, () => undefined)
  }

  get size(): number {
    return this.#size
  }

  get(id: number): Job | undefined {
    return this.#jobs[this.placeOf(id)]
  }

  /** -1 where it is not here. */
  placeOf(id: number): number {
    for (let place = 0; place < this.#jobs.length; place++) if (this.#jobs[place]?.id === id) return place
    return -1
  }

  /** Gives it a free place. There must be one. */
  add(job: Job): number {
    const place = this.#jobs.indexOf(undefined)
    if (place < 0) throw new RangeError('no place is free')
    this.#jobs[place] = job
    this.#size++
    return place
  }

  /** Takes it away. */
  take(id: number): Job | undefined {
    const place = this.placeOf(id)
    const job = this.#jobs[place]
    if (!job) return undefined
    this.#jobs[place] = undefined
    this.#size--
    return job
  }

  /** In the order in which they came. */
  list(): Job[] {
    return this.#jobs.filter((job) => job !== undefined).toSorted((a, b) => a.id - b.id)
  }

  /** Takes all away. */
  clear(): Job[] {
    const jobs = this.list()
    this.#jobs.fill(undefined)
    this.#size = 0
    return jobs
  }
}
