/** Growing buffers of bytes, with the numbers of WebAssembly's binary format. */

/** Buffers that are done with, for the next ones: making them takes longer than filling them. */
const spare: Uint8Array<ArrayBuffer>[] = []
const maxSpare = 128
const maxSpareBytes = 2 ** 14

/** A growing byte buffer. */
export class Bytes {
  #data = spare.pop() ?? new Uint8Array(1024)
  length = 0

  u8(byte: number): void {
    if (this.length === this.#data.length) this.#grow(1)
    this.#data[this.length++] = byte
  }

  /** A byte and an unsigned number, as most instructions are. */
  code(byte: number, value: number): void {
    this.#reserve(6)
    const data = this.#data
    data[this.length++] = byte
    if (value >= 0 && value < 0x80) data[this.length++] = value
    else this.#unsigned(value >>> 0)
  }

  /** An access of memory: two bytes, an alignment of 1 and an offset. */
  access(prefix: number, byte: number, offset: number): void {
    this.#reserve(8)
    const data = this.#data
    data[this.length++] = prefix
    data[this.length++] = byte
    data[this.length++] = 0
    this.#unsigned(offset >>> 0)
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#data.set(bytes, this.length)
    this.length += bytes.length
  }

  /** Appends what another one has, which ends there. */
  join(other: Bytes): void {
    this.append(other.#data.subarray(0, other.length))
    other.#free()
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    this.#reserve(5)
    this.#unsigned(value >>> 0)
  }

  /** The same where there is room. */
  #unsigned(value: number): void {
    const data = this.#data
    let at = this.length
    let rest = value
    while (rest >= 0x80) {
      data[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    data[at++] = rest
    this.length = at
  }

  /** Signed LEB128. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value)
    for (;;) {
      const byte = Number(rest & 0x7fn)
      rest >>= 7n
      if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) {
        this.u8(byte)
        return
      }
      this.u8(byte | 0x80)
    }
  }

  s32(value: number): void {
    let rest = value | 0
    if (rest >= -0x40 && rest < 0x40) {
      this.u8(rest & 0x7f)
      return
    }
    for (;;) {
      const byte = rest & 0x7f
      rest >>= 7
      if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
        this.u8(byte)
        return
      }
      this.u8(byte | 0x80)
    }
  }

  /** A float64, its lowest byte first. */
  f64(value: number): void {
    this.#reserve(8)
    float[0] = value
    for (let i = 0; i < 8; i++) this.#data[this.length++] = bytesOfFloat[i]!
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value)
    this.u32(bytes.length)
    this.append(bytes)
  }

  /** The bytes. Nothing is appended afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#data.slice(0, this.length)
    this.#free()
    return bytes
  }

  #free(): void {
    if (spare.length < maxSpare && this.#data.length <= maxSpareBytes) spare.push(this.#data)
    this.#data = nothing
  }

  #reserve(count: number): void {
    if (this.length + count > this.#data.length) this.#grow(count)
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(this.#data.length * 2, this.length + count))
    grown.set(this.#data.subarray(0, this.length))
    if (spare.length < maxSpare && this.#data.length <= maxSpareBytes) spare.push(this.#data)
    this.#data = grown
  }
}

const nothing = new Uint8Array(0)
const float = new Float64Array(1)
const bytesOfFloat = new Uint8Array(float.buffer)
