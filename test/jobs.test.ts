/** How answers write times. */
import { expect, it } from 'vitest'
import { msText, serverTiming } from '../src/jobs.ts'

it('milliseconds to the microsecond, as the shortest number', () => {
  for (const us of [0, 1, 9, 10, 11, 99, 100, 101, 110, 119, 900, 999, 1000, 1001, 1010, 1100, 1200, 12_340, 99_999, 100_000, 123_456_789]) {
    for (const part of [-0.4, 0, 0.4]) expect(msText(Math.max(0, us + part) / 1000)).toBe(String(us / 1000))
  }
  expect(serverTiming([['queue', 0.0301], ['train', 12]])).toBe('queue;dur=0.03, train;dur=12')
})
