/** Threads that do parts of a program's work beside the one that runs it. The engine does not make them: its host does. */

/** A program whose work can be shared. */
export interface SharedProgram {
  /** Never 0, and no other program's in this thread. */
  readonly number: number
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  /** From a thread's own memory to the next one's. */
  readonly ownBytes: number
}

export interface Team {
  /** Threads that there can be, the one that runs the program included. */
  readonly threads: number
  /** Whether a thread has a core to work on now. */
  readonly isFree: () => boolean
  /**
   * Has the threads call `assist(number)` of an instance of the program, at once; helper n imports `env.own` as
   * n · ownBytes. They come back when the run is over, with the number of parts of kernels that they did.
   */
  readonly assist: (program: SharedProgram) => void
  /** The program does not run any more: its memory can go. */
  readonly leave: (program: SharedProgram) => void
}
