import { expect, test } from 'vitest'
import { Places } from '../src/places.ts'

test('jobs have places of their own and are found by their ids', () => {
  const places = new Places<{ id: number; name: string }>(2)
  expect(places.add({ id: 7, name: 'a' })).toBe(0)
  expect(places.add({ id: 5, name: 'b' })).toBe(1)
  expect(() => places.add({ id: 9, name: 'c' })).toThrow(RangeError)
  expect(places.list().map(({ id }) => id)).toEqual([5, 7])
  expect([places.get(5)?.name, places.placeOf(7), places.placeOf(8)]).toEqual(['b', 0, -1])
  expect(places.take(8)).toBeUndefined()
  expect(places.take(7)?.name).toBe('a')
  expect(places.size).toBe(1)
  expect(places.add({ id: 9, name: 'c' })).toBe(0)
  expect(places.clear().map(({ id }) => id)).toEqual([5, 9])
  expect([places.size, places.get(5)]).toEqual([0, undefined])
})
