/** Whether data is so full of zeros that products which skip them are worth it: images on black, classes as one of many, counts of words. */
import type { DType, Shape } from './ir/value.ts'
import { isFloat, numel } from './ir/value.ts'
import type { Elements } from './runtime.ts'
import { tileRows } from './wasm/blocking.ts'

/** Smaller data makes no product that is worth it. */
const fewest = 2 ** 14
/** Blocks of 6 x 6 elements that are looked at. */
const samples = 1024
/** Rows and columns of these blocks that are nothing but zeros, at least: making the lists of the others takes a tenth of the dense product. */
const share = 0.3

/** Looks at the same elements each time, so that equal data makes equal programs. */
export function isSparse(elements: Elements, shape: Shape, dtype: DType): boolean {
  const count = numel(shape)
  if (!isFloat(dtype) || shape.length < 2 || count < fewest || elements.length < count) return false
  const width = count / shape[0]!
  const [down, across] = [Math.floor(shape[0]! / tileRows), Math.floor(width / tileRows)]
  const blocks = down * across
  if (blocks === 0) return false
  let rows = 0
  let columns = 0
  for (let i = 0; i < samples; i++) {
    // Spread evenly, and over all columns, by a multiplicative hash.
    const block = Math.imul(i, 0x9e3779b1) >>> 0
    const at = block % blocks
    const first = Math.floor(at / across) * tileRows * width + (at % across) * tileRows
    for (let j = 0; j < tileRows; j++) {
      if (isZero(elements, first + j * width, 1)) rows++
      if (isZero(elements, first + j, width)) columns++
    }
  }
  return Math.min(rows, columns) >= share * samples * tileRows
}

/** Whether the elements of a row or a column of a block are zeros. */
function isZero(elements: Elements, first: number, step: number): boolean {
  for (let i = 0; i < tileRows; i++) if (Number(elements[first + i * step]) !== 0) return false
  return true
}
