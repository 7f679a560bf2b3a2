/** The text of an answer as it grows: as bytes, in blocks, so that a large one is never one string. */

const encoder = new TextEncoder()

/** Characters that are gathered before they become bytes. */
const blockCharacters = 256 * 1024

export class Text {
  readonly #blocks: Uint8Array<ArrayBuffer>[] = []
  #gathered = ''
  /** Characters, and bytes that were added as such. */
  length = 0

  add(text: string): void {
    this.#gathered += text
    this.length += text.length
    if (this.#gathered.length >= blockCharacters) this.#settle()
  }

  addBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#settle()
    this.#blocks.push(bytes)
    this.length += bytes.length
  }

  #settle(): void {
    if (this.#gathered === '') return
    this.#blocks.push(encoder.encode(this.#gathered))
    this.#gathered = ''
  }

  /** All of it: a string where it is short. Nothing is left. */
  take(): string | Uint8Array<ArrayBuffer>[] {
    this.length = 0
    if (this.#blocks.length === 0) {
      const text = this.#gathered
      this.#gathered = ''
      return text
    }
    this.#settle()
    return this.#blocks.splice(0)
  }
}
