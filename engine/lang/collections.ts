/** Lists, tuples and dictionaries: their elements, their methods, and what changes them. */
import { suggestion } from '../errors.ts'
import type { CallArguments, Callable, Dictionary, Dynamic, List, TraceContext } from './values.ts'
import { Tensor, describe, fail, int, itemsOf, list, none, tuple } from './values.ts'

/** What makes keys of a dictionary equal: 1, 1.0 and True are one key. */
export function keyOf(ctx: TraceContext, key: Dynamic): string {
  if (!(key instanceof Tensor)) {
    if (key.kind === 'number' || key.kind === 'boolean') return `number ${Number(key.value)}`
    if (key.kind === 'string') return `text ${key.value}`
    if (key.kind === 'none') return 'none'
    if (key.kind === 'tuple') return `(${key.items.map((item) => keyOf(ctx, item)).join(', ')})`
  }
  return fail(ctx, 'bad_argument', `a key of a dictionary is text, a number or a tuple of these, got ${describe(key)}`)
}

export function dictionary(ctx: TraceContext, entries: Iterable<readonly [Dynamic, Dynamic]>): Dictionary {
  return { kind: 'dictionary', entries: new Map([...entries].map((entry) => [keyOf(ctx, entry[0]), entry])) }
}

/** The value of a key. */
export function lookUpKey(ctx: TraceContext, object: Dictionary, key: Dynamic): Dynamic {
  const found = object.entries.get(keyOf(ctx, key))
  if (found) return found[1]
  const texts = [...object.entries.values()].flatMap(([known]) => (!(known instanceof Tensor) && known.kind === 'string' ? [known.value] : []))
  const hint = !(key instanceof Tensor) && key.kind === 'string' ? suggestion(key.value, texts) : ''
  return fail(ctx, 'bad_index', `there is no key ${describe(key)} in a ${describe(object)}${hint}`)
}

/** The place that `index` names among `length` items. */
export function placeIn(ctx: TraceContext, object: Dynamic, index: Dynamic, length: number): number {
  if (index instanceof Tensor || index.kind !== 'number' || !index.whole) return fail(ctx, 'bad_index', `a sequence is indexed by ints or slices, got ${describe(index)}`)
  const place = index.value < 0 ? index.value + length : index.value
  return place >= 0 && place < length ? place : fail(ctx, 'bad_index', `index ${index.value} is out of range for ${describe(object)}`)
}

/** `object[index] = value` */
export function setItem(ctx: TraceContext, object: Exclude<Dynamic, Tensor>, index: Dynamic, value: Dynamic): void {
  if (object.kind === 'list') object.items = object.items.with(placeIn(ctx, object, index, object.items.length), value)
  else if (object.kind === 'dictionary') object.entries.set(keyOf(ctx, index), [index, value])
  else fail(ctx, 'bad_operand', `an element of ${describe(object)} cannot be assigned to`)
}

// ---- methods

interface Method {
  /** Names of the arguments; those in brackets may be left out. */
  readonly takes: readonly string[]
  readonly call: (ctx: TraceContext, args: readonly (Dynamic | undefined)[]) => Dynamic
}

function sequence(ctx: TraceContext, name: string, value: Dynamic | undefined): readonly Dynamic[] {
  return (value && itemsOf(value)) ?? fail(ctx, 'bad_argument', `${name}(): a sequence expected, got ${value ? describe(value) : 'nothing'}`)
}

function firstPlace(ctx: TraceContext, object: Dynamic, items: readonly Dynamic[], value: Dynamic, same: (a: Dynamic, b: Dynamic) => boolean): number {
  const place = items.findIndex((item) => same(item, value))
  return place >= 0 ? place : fail(ctx, 'bad_argument', `${describe(value)} is not in ${describe(object)}`)
}

/** Methods that lists and tuples share. */
function readingMethods(object: Dynamic, items: readonly Dynamic[], same: (a: Dynamic, b: Dynamic) => boolean): Record<string, Method> {
  return {
    index: { takes: ['value'], call: (ctx, [value]) => int(firstPlace(ctx, object, items, value!, same)) },
    count: { takes: ['value'], call: (_ctx, [value]) => int(items.filter((item) => same(item, value!)).length) },
    numel: {
      takes: [],
      call: (ctx) => int(items.reduce<number>((n, item) => (!(item instanceof Tensor) && item.kind === 'number' ? n * item.value : fail(ctx, 'bad_argument', `numel() is of a shape, got ${describe(object)}`)), 1)),
    },
  }
}

function listMethods(object: List, same: (a: Dynamic, b: Dynamic) => boolean): Record<string, Method> {
  const changed = (items: readonly Dynamic[]): Dynamic => {
    object.items = items
    return none
  }
  return {
    ...readingMethods(object, object.items, same),
    append: { takes: ['item'], call: (_ctx, [item]) => changed([...object.items, item!]) },
    extend: { takes: ['items'], call: (ctx, [items]) => changed([...object.items, ...sequence(ctx, 'extend', items)]) },
    insert: {
      takes: ['index', 'item'],
      call: (ctx, [index, item]) => {
        if (!index || index instanceof Tensor || index.kind !== 'number' || !index.whole) return fail(ctx, 'bad_argument', `insert(): an int expected, got ${describe(index!)}`)
        return changed(object.items.toSpliced(index.value, 0, item!))
      },
    },
    pop: {
      takes: ['[index]'],
      call: (ctx, [index = int(-1)]) => {
        const place = placeIn(ctx, object, index, object.items.length)
        const item = object.items[place]!
        changed(object.items.toSpliced(place, 1))
        return item
      },
    },
    remove: { takes: ['value'], call: (ctx, [value]) => changed(object.items.toSpliced(firstPlace(ctx, object, object.items, value!, same), 1)) },
    reverse: { takes: [], call: () => changed(object.items.toReversed()) },
    clear: { takes: [], call: () => changed([]) },
    copy: { takes: [], call: () => list(object.items) },
  }
}

function dictionaryMethods(object: Dictionary): Record<string, Method> {
  const entries = (): (readonly [Dynamic, Dynamic])[] => [...object.entries.values()]
  return {
    keys: { takes: [], call: () => list(entries().map(([key]) => key)) },
    values: { takes: [], call: () => list(entries().map(([, value]) => value)) },
    items: { takes: [], call: () => list(entries().map(tuple)) },
    get: { takes: ['key', '[default]'], call: (ctx, [key, otherwise = none]) => object.entries.get(keyOf(ctx, key!))?.[1] ?? otherwise },
    pop: {
      takes: ['key', '[default]'],
      call: (ctx, [key, otherwise]) => {
        const found = object.entries.get(keyOf(ctx, key!))?.[1] ?? otherwise ?? lookUpKey(ctx, object, key!)
        object.entries.delete(keyOf(ctx, key!))
        return found
      },
    },
    setdefault: {
      takes: ['key', '[default]'],
      call: (ctx, [key, value = none]) => {
        const known = object.entries.get(keyOf(ctx, key!))?.[1]
        if (known === undefined) object.entries.set(keyOf(ctx, key!), [key!, value])
        return known ?? value
      },
    },
    update: {
      takes: ['other'],
      call: (ctx, [other]) => {
        if (!other || other instanceof Tensor || other.kind !== 'dictionary') return fail(ctx, 'bad_argument', `update(): a dict expected, got ${describe(other!)}`)
        for (const [key, entry] of other.entries) object.entries.set(key, entry)
        return none
      },
    },
    copy: { takes: [], call: () => ({ kind: 'dictionary', entries: new Map(object.entries) }) },
    clear: {
      takes: [],
      call: () => {
        object.entries.clear()
        return none
      },
    },
  }
}

/** The method `name` of a list, tuple or dictionary; undefined of anything else. `same` is Python's ==. */
export function collectionMethod(ctx: TraceContext, object: Dynamic, name: string, same: (a: Dynamic, b: Dynamic) => boolean): Callable | undefined {
  if (object instanceof Tensor) return undefined
  const methods = object.kind === 'list' ? listMethods(object, same) : object.kind === 'tuple' ? readingMethods(object, object.items, same) : object.kind === 'dictionary' ? dictionaryMethods(object) : undefined
  if (!methods) return undefined
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (!method) return fail(ctx, 'unknown_attribute', `${describe(object)} has no "${name}"${suggestion(name, Object.keys(methods))}`)
  return { kind: 'function', name, call: (args) => method.call(ctx, byPosition(ctx, name, method, args)) }
}

function byPosition(ctx: TraceContext, name: string, { takes }: Method, { positional, named }: CallArguments): readonly (Dynamic | undefined)[] {
  const least = takes.filter((argument) => !argument.startsWith('[')).length
  if (named.size > 0 || positional.length < least || positional.length > takes.length) {
    fail(ctx, 'bad_argument', `${name}(${takes.join(', ')}) takes ${least === takes.length ? least : `${least} to ${takes.length}`} arguments by position, got ${positional.length + named.size}`)
  }
  return positional
}
