/** The language: programs give what CPython and PyTorch give for the same text; what is wrong is named with its place. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SpecError } from '../../engine/errors.ts'
import type { Value } from '../../engine/ir/value.ts'
import { Graph } from '../../engine/ir/value.ts'
import { parse } from '../../engine/lang/parse.ts'
import type { Scope } from '../../engine/lang/trace.ts'
import { trace } from '../../engine/lang/trace.ts'
import type { Dynamic } from '../../engine/lang/values.ts'
import { Tensor, describe as describeValue, itemsOf } from '../../engine/lang/values.ts'
import { input } from '../../engine/ops/source.ts'
import { firstDifference, runCompiled } from './agree.ts'

interface Golden {
  readonly inputs: Readonly<Record<string, number | number[] | number[][]>>
  readonly cases: readonly { readonly family: string; readonly program: string; readonly out: unknown }[]
}

const golden = JSON.parse(readFileSync(new URL('../golden/language.json', import.meta.url), 'utf8')) as Golden
const numbers = new Map(Object.entries(golden.inputs).map(([name, value]) => [name, Float64Array.from([value].flat(3))]))

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : []
}

function run(text: string): Scope {
  const graph = new Graph()
  const scope: Scope = new Map(
    Object.entries(golden.inputs).map(([name, value]) => [name, new Tensor(input(graph, name, shapeOf(value), name === 'i' ? 'int64' : 'float64'), null, false)]),
  )
  const program = parse(text, { maxLength: 10_000, maxDepth: 50 })
  trace(program, scope, { graph, dtype: 'float64', draws: [] }, { maxSteps: 10_000, maxCalls: 30 }, '/model/forward')
  return scope
}

/** Tensors as nested lists of their numbers, sequences as lists, all else as it is. */
function plain(value: Dynamic): unknown {
  if (value instanceof Tensor) return nested([...compute(value.value)].map((x) => (value.value.dtype === 'bool' ? x !== 0 : x)), value.value.shape)
  if (value.kind === 'number' || value.kind === 'boolean') return value.value
  return itemsOf(value)?.map(plain) ?? describeValue(value)
}

function compute(value: Value): Float64Array {
  return runCompiled([value], numbers)[0]!
}

function nested(flat: readonly unknown[], shape: readonly number[]): unknown {
  if (shape.length === 0) return flat[0]
  const [size, ...rest] = shape
  const length = size === 0 ? 0 : flat.length / size!
  return Array.from({ length: size! }, (_, i) => nested(flat.slice(i * length, (i + 1) * length), rest))
}

function expectSame(got: unknown, want: unknown, at = 'out'): void {
  if (Array.isArray(want)) {
    expect(Array.isArray(got) && got.length, `${at}: ${JSON.stringify(got)}`).toBe(want.length)
    for (const [i, item] of want.entries()) expectSame((got as unknown[])[i], item, `${at}[${i}]`)
  } else if (typeof want === 'number') {
    expect(firstDifference([want], [got as number], 1e-13), `${at}: expected ${want}, got ${String(got)}`).toBe(-1)
  } else if (want === null) {
    expect(got, at).toSatisfy((x) => x === 'None' || !Number.isFinite(x))
  } else {
    expect(got, at).toBe(want)
  }
}

for (const [family, cases] of Map.groupBy(golden.cases, (one) => one.family)) {
  describe(family, () => {
    for (const { program, out } of cases) {
      it(program, () => expectSame(plain(run(program).get('out')!), out))
    }
  })
}

describe('what is wrong', () => {
  /** Program, code, line:column, and what the message says. */
  const table: readonly (readonly [program: string, code: string, at: string, message: RegExp])[] = [
    ['out = (1', 'syntax_error', '1:9', /ends too early/],
    ['out = 1 +* 2', 'syntax_error', '1:10', /"\*" is not expected/],
    ['if 1:\nout = 2', 'syntax_error', '2:1', /./],
    ['  out = 1', 'syntax_error', '1:3', /indentation/],
    ['for k in range(2):\n  a = 1\n    b = 2', 'syntax_error', '3:5', /indentation/],
    ['out = 01', 'syntax_error', '1:7', /"01" is not a number/],
    ['out = 1_', 'syntax_error', '1:7', /./],
    ['out = 1;;', 'syntax_error', '1:9', /./],
    ['return 1', 'syntax_error', '1:1', /outside of a function/],
    ['break', 'syntax_error', '1:1', /outside of a loop/],
    ['1 = 2', 'syntax_error', '1:1', /cannot be assigned/],
    ['out = torch.sum(dim=0, x)', 'syntax_error', '1:24', /positional argument follows/],
    ['out = torch.sum(x, dim=0, dim=1)', 'syntax_error', '1:27', /given twice/],
    ['import os', 'not_in_language', '1:1', /^import of "os"/],
    ['from os import path', 'not_in_language', '1:1', /^import of "os"/],
    ['from . import path', 'not_in_language', '1:1', /^"from . import path"/],
    ['from math import *', 'not_in_language', '1:18', /^import \*/],
    ['import torch.optim as optim', 'unknown_function', '1:1', /torch has no "optim"/],
    ['class A:\n  pass', 'not_in_language', '1:1', /^class/],
    ['out = f"{x}"', 'not_in_language', '1:7', /f-string/],
    ['out = {1, 2}', 'not_in_language', '1:7', /set/],
    ['try:\n  out = 1\nexcept: pass', 'not_in_language', '1:1', /^try/],
    ['with x: pass', 'not_in_language', '1:6', /^with takes torch.no_grad/],
    ['with torch.no_grad() as g: pass', 'not_in_language', '1:22', /^of with/],
    ['assert 1 > 2, "one and two"', 'assertion_failed', '1:1', /does not hold: one and two/],
    ['assert x', 'bad_argument', '1:8', /ambiguous/],
    ['assert s', 'value_dependent', '1:8', /condition/],
    ['del q', 'unknown_name', '1:1', /"q" is not defined/],
    ['del x[0]', 'not_in_language', '1:5', /only names/],
    ['global k', 'not_in_language', '1:1', /global/],
    ['raise ValueError("x")', 'not_in_language', '1:1', /use assert/],
    ['print(x)', 'not_in_language', '1:1', /"outputs"/],
    ['print "x"', 'not_in_language', '1:1', /"outputs"/],
    ['out = str(1)', 'not_in_language', '1:7', /text/],
    ['out = type(x)', 'not_in_language', '1:7', /isinstance/],
    ['h = x.requires_grad_()\nh.add_(1)', 'not_in_language', '2:1', /x = x.add/],
    ['h = x.requires_grad_()\nh[0].zero_()', 'not_in_language', '2:1', /clone/],
    ['h = x.requires_grad_()\nh[0] = 1', 'not_in_language', '2:1', /clone/],
    ['h = x.requires_grad_()\nF.relu(h, inplace=True)', 'not_in_language', '2:1', /relu\(inplace=True\): a parameter/],
    ['h = x.requires_grad_()\nnn.ReLU(inplace=True)(h)', 'not_in_language', '2:1', /\(inplace=True\): a parameter/],
    ['x.resize_(2)', 'unknown_function', '1:1', /has no "resize_"/],
    ['h = x + 0\nh.add_(torch.ones(2, 2, 3))', 'shape_mismatch', '2:1', /does not fit/],
    ['h = i.clone()\nh.mul_(0.5)', 'dtype_mismatch', '2:1', /does not fit/],
    ['h = x + 0\nh.expand(4, 2, 3).zero_()', 'not_in_language', '2:1', /several times/],
    ['h = torch.einsum("ij->ji", x)\ng = h.reshape(6)\nh.zero_()\nout = g + 1', 'not_in_language', '4:7', /lays out its memory/],
    ['h = x + 0\nh[0] = torch.ones(2)', 'shape_mismatch', '2:1', /cannot be broadcast/],
    ['h = x + 0\nh[h > 0] = torch.ones(2)', 'value_dependent', '2:1', /torch.where/],
    ['h = x + 0\nh[0] = "a"', 'bad_operand', '2:1', /got str/],
    ['h = x + 0\nh[:, (h > 0)[:, 0]] = 1', 'bad_index', '2:1', /mask of shape/],
    ['torch.add(x, x.requires_grad_(), out=x)', 'bad_argument', '1:1', /out=/],
    ['out = x.addd_(1)', 'unknown_function', '1:7', /has no "addd_"/],
    ['out = x.grad', 'unknown_attribute', '1:7', /torch.autograd.grad/],
    ['out = x.grad_fn', 'unknown_attribute', '1:7', /\/v1\/graph/],
    ['x.sum().backward()', 'unknown_function', '1:1', /v1\/backward/],
    ['out = x.half()', 'not_in_language', '1:7', /float32 or float64/],
    ['out = torch.empty_strided((2,), (1,))', 'not_in_language', '1:7', /torch.zeros/],
    ['out = x.nonzero()', 'value_dependent', '1:7', /depends on the values/],
    ['out = x.item()', 'shape_mismatch', '1:7', /one element/],
    ['out = range(s.item())', 'value_dependent', '1:7', /only known when/],
    ['out = x[:i[0]]', 'value_dependent', '1:9', /index_select/],
    ['out = torch.zeros(i[0])', 'value_dependent', '1:7', /only known when/],
    ['out = x.tolist()', 'value_dependent', '1:7', /only known when/],
    ['@f\ndef g(): pass', 'not_in_language', '1:1', /decorator/],
    ['async def g(): pass', 'not_in_language', '1:1', /./],
    ['def f(p, p): pass', 'syntax_error', '1:10', /"p" is there twice/],
    ['def f(p=1, q): pass', 'syntax_error', '1:12', /without a default/],
    ['def f(p, /): pass\nf(p=1)', 'bad_argument', '2:1', /no argument "p"/],
    ['def f(*, p): pass\nf(1)', 'bad_argument', '2:1', /takes 0 arguments/],
    ['f = lambda v: v\nf()', 'bad_argument', '2:1', /"v" is missing/],
    ['f = lambda v: f(v)\nf(1)', 'trace_too_long', '1:15', /30 levels/],
    ['d = {"point": 1}\nout = d["piont"]', 'bad_index', '2:7', /did you mean "point"/],
    ['d = {x: 1}', 'bad_argument', '1:5', /a key of a dictionary/],
    ['out = {**x}', 'bad_argument', '1:10', /a dict, got/],
    ['h = [1]\nh[1] = 2', 'bad_index', '2:1', /out of range/],
    ['h = (1, 2)\nh[1] = 2', 'bad_operand', '2:1', /cannot be assigned to/],
    ['h = []\nh.apend(1)', 'unknown_attribute', '2:1', /did you mean "append"/],
    ['h = []\nh.append()', 'bad_argument', '2:1', /takes 1 arguments/],
    ['h = [1]\nh.remove(2)', 'bad_argument', '2:1', /int 2 is not in list of 1/],
    ['h = [1]\nh += 2', 'bad_operand', '2:1', /\+=/],
    ['out = sorted([x, x])', 'bad_argument', '1:7', /torch.sort/],
    ['out = max([])', 'bad_argument', '1:7', /nothing/],
    ['out = isinstance(x, 1)', 'bad_argument', '1:7', /isinstance\(\) knows/],
    ['out = math.sqrt(x)', 'bad_argument', '1:7', /use torch.sqrt/],
    ['out = math.factorial(30)', 'bad_argument', '1:7', /2\^53/],
    ['out = math.log2(0)', 'bad_argument', '1:7', /not defined/],
    ['out = list(range(10 ** 9))', 'trace_too_long', '1:7', /1000000000 items/],
    ['out = [1] * 10 ** 9', 'trace_too_long', '1:7', /1000000000 items/],
    ['out = torch.ones(2, dtype=torch.int64, requires_grad=True)', 'dtype_mismatch', '1:7', /require gradients/],
    ['out = x[[True, False, True]]', 'bad_index', '1:7', /mask of shape \[3\]/],
    ['out = x[[[0, 1]]]', 'bad_index', '1:7', /nested lists/],
    ['out = x.__dict__', 'not_in_language', '1:9', /two underscores/],
    ['__a = 1', 'not_in_language', '1:1', /two underscores/],
    ['x.data = 1', 'not_in_language', '1:1', /in place/],
    ['out = 2j', 'not_in_language', '1:7', /complex/],
    ['out = b"x"', 'not_in_language', '1:7', /string/],
    ['out = "\\q"', 'not_in_language', '1:7', /escape/],
    ['out = x << 2', 'bad_operand', '1:7', /<</],
    ['out = 1 << -2', 'bad_operand', '1:7', /<</],
    ['out = torch.sum(**x)', 'bad_argument', '1:19', /\*\* takes a dict/],
    ['out = torch.sum(x, **{1: 2})', 'bad_argument', '1:22', /names as keys/],
    ['out = torch.sum(x, dim=0, **{"dim": 2})', 'bad_argument', '1:29', /given twice/],
    ['out = z', 'unknown_name', '1:7', /"z" is not defined/],
    ['weight = 1\nout = weigth', 'unknown_name', '2:7', /did you mean "weight"/],
    ['out = torch.relux(x)', 'unknown_function', '1:7', /did you mean "relu"/],
    ['out = F.cross_entropi(x, i)', 'unknown_function', '1:7', /did you mean "cross_entropy"/],
    ['out = x.summ()', 'unknown_function', '1:7', /did you mean "sum"/],
    ['out = relu(x)', 'unknown_function', '1:7', /did you mean "torch.relu"/],
    ['out = exec("x")', 'unknown_function', '1:7', /"exec"/],
    ['out = open("file")', 'unknown_function', '1:7', /"open"/],
    ['out = execute("x")', 'unknown_function', '1:7', /"execute"/],
    ['out = x()', 'unknown_function', '1:7', /cannot be called/],
    ['k = 3\nout = k.real', 'unknown_attribute', '2:7', /int 3 has no "real"/],
    ['out = torch.nn.functional.relu6x(x)', 'unknown_function', '1:7', /did you mean/],
    ['out = x.sum(dim=2)', 'bad_argument', '1:7', /\[-2, 1\], got 2/],
    ['out = x.sum(axis=5)', 'bad_argument', '1:7', /./],
    ['out = torch.softmax(x)', 'bad_argument', '1:7', /"dim" \(int\) is missing/],
    ['out = F.softmax(i, 0)', 'dtype_mismatch', '1:7', /softmax\(\): a floating-point tensor expected, got int64/],
    ['out = F.log_softmax(x, 0, dtype=torch.int64)', 'dtype_mismatch', '1:7', /log_softmax\(\): a floating-point/],
    ['out = torch.softmax(x, dim="a")', 'bad_argument', '1:7', /int/],
    ['out = torch.exp(x, y=1)', 'bad_argument', '1:7', /./],
    ['out = torch.exp(x, x)', 'bad_argument', '1:7', /./],
    ['out = range(1, 5, 0)', 'bad_argument', '1:7', /step must not be 0/],
    ['out = math.log(-1)', 'bad_argument', '1:7', /not defined/],
    ['out = float("two")', 'bad_argument', '1:7', /float\(\)/],
    ['for k in 5: out = k', 'bad_argument', '1:10', /cannot be iterated/],
    ['for k in s: out = k', 'bad_argument', '1:10', /0-d tensor/],
    ['def f(p): return p\nout = f()', 'bad_argument', '2:7', /"p" is missing/],
    ['def f(p): return p\nout = f(1, 2)', 'bad_argument', '2:7', /takes 1 arguments, got 2/],
    ['def f(p): return p\nout = f(1, p=2)', 'bad_argument', '2:7', /given twice/],
    ['def f(point): return point\nout = f(piont=1)', 'bad_argument', '2:7', /did you mean "point"/],
    ['out = 9007199254740993', 'bad_argument', '1:7', /2\^53/],
    ['out = (1, 2) - 1', 'bad_operand', '1:7', /tuple of 2 and int 1/],
    ['out = x + "a"', 'bad_operand', '1:7', /float64 tensor of shape \[2, 3\] and str "a"/],
    ['out = 1 @ 2', 'bad_operand', '1:7', /@/],
    ['out = 1.5 & 1', 'bad_operand', '1:7', /&/],
    ['out = -"a"', 'bad_operand', '1:7', /./],
    ['out = 1 < (1, 2)', 'bad_operand', '1:7', /</],
    ['out = 1 in 5', 'bad_operand', '1:7', /sequence/],
    ['out = 2 ** 100', 'bad_operand', '1:7', /2\^53/],
    ['out = x[2]', 'bad_index', '1:7', /index 2 is out of range/],
    ['out = x[0, 0, 0]', 'bad_index', '1:7', /too many indices/],
    ['out = x[..., ...]', 'bad_index', '1:7', /at most/],
    ['out = x["a"]', 'bad_index', '1:7', /str "a"/],
    ['out = x[1.5]', 'bad_index', '1:7', /float 1.5/],
    ['out = x[::-1]', 'bad_index', '1:7', /torch.flip/],
    ['out = x[::0]', 'bad_index', '1:7', /step/],
    ['out = x[[0, 5]]', 'bad_index', '1:7', /5 is out of range/],
    ['out = (1, 2)[2]', 'bad_index', '1:7', /out of range for tuple of 2/],
    ['out = (1, 2)["a"]', 'bad_index', '1:7', /ints or slices/],
    ['k = 3\nout = k[0]', 'bad_index', '2:7', /int 3 cannot be indexed/],
    ['out = x + torch.zeros(4)', 'shape_mismatch', '1:7', /\[2, 3\] and \[4\]/],
    ['out = x @ x', 'shape_mismatch', '1:7', /\[2, 3\] and \[2, 3\]/],
    ['out = x.reshape(4)', 'shape_mismatch', '1:7', /\[4\] is invalid for a tensor of 6 elements/],
    ['out = torch.cat([x, a])', 'shape_mismatch', '1:7', /./],
    ['out = torch.tensor([1.0, 2.0]).mT', 'shape_mismatch', '1:7', /2 dimensions/],
    ['out = x & x', 'dtype_mismatch', '1:7', /float64/],
    ['out = -(x > 0)', 'dtype_mismatch', '1:7', /~/],
    ['out = torch.where(x, x, x)', 'dtype_mismatch', '1:7', /bool/],
    ['if x.sum() > 0: out = 1', 'value_dependent', '1:4', /torch.where/],
    ['out = 1 if s else 2', 'value_dependent', '1:12', /condition/],
    ['out = x[x > 0]', 'value_dependent', '1:7', /shape depends on values/],
    ['out = torch.sum(x, dim=s)', 'value_dependent', '1:7', /only known when/],
    ['p, q = 1, 2, 3', 'unpack_mismatch', '1:1', /2 values to unpack expected, got 3/],
    ['p, q, *r = [1]', 'unpack_mismatch', '1:1', /2 or more values to unpack expected, got 1/],
    ['p, q = x.sum(0)', 'unpack_mismatch', '1:1', /2 values to unpack expected, got 3/],
    ['p, q = 5', 'unpack_mismatch', '1:1', /int 5 cannot be unpacked/],
    ['out = 1 / 0', 'division_by_zero', '1:7', /1 \/ 0/],
    ['out = 1 // 0', 'division_by_zero', '1:7', /./],
    ['out = 0 ** -1', 'division_by_zero', '1:7', /./],
    ['for k in range(10 ** 9): out = k', 'trace_too_long', '1:26', /10000 statements/],
    ['while 1: out = 2', 'trace_too_long', '1:10', /./],
    ['def f(p): return f(p)\nout = f(1)', 'trace_too_long', '1:18', /30 levels/],
    [`out = ${'('.repeat(60)}1${')'.repeat(60)}`, 'program_too_deep', '1:57', /50 levels/],
    [`out = ${'-'.repeat(60)}1`, 'program_too_deep', '1:56', /50 levels/],
    [`out = 1  # ${'x'.repeat(10_000)}`, 'program_too_long', 'undefined:undefined', /10011 characters; the limit is 10000/],
  ]
  for (const [program, code, at, message] of table) {
    it(program.length > 60 ? `${program.slice(0, 57)}...` : program, () => {
      let error: unknown
      try {
        run(program)
      } catch (caught) {
        error = caught
      }
      expect(error).toBeInstanceOf(SpecError)
      const [fault] = (error as SpecError).faults
      expect([fault.code, `${fault.line}:${fault.column}`, fault.message]).toEqual([code, at, expect.stringMatching(message)])
    })
  }
})
