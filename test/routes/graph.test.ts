/** POST /v1/graph: the calls of a program, in every form. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { graphResponse } from '../../src/responses.ts'
import { notebook, useService } from '../service.ts'

const service = useService({ WORKERS: '1' })

interface Node {
  readonly id: number
  readonly kind: string
  readonly name: string
  readonly variable?: string
  readonly grad_fn: string | null
  readonly shape: number[]
  readonly gradient?: object
}

interface Graph {
  readonly nodes: Node[]
  readonly edges: { from: number; to: number; argument: string }[]
  readonly loss?: number
}

async function graphOf(request: object): Promise<Graph> {
  const { status, body } = await service.post('/v1/graph', request)
  expect(status, JSON.stringify(body)).toBe(200)
  expect(graphResponse.parse(body)).toEqual(body)
  return body as Graph
}

/** Each call as `variable = name(argument=…)`, inputs by their variable or name. */
function written({ nodes, edges }: Graph): string[] {
  const shown = ({ variable, name, id, kind }: Node): string => variable ?? (kind === 'call' ? `%${id}` : name)
  return nodes
    .filter((node) => node.kind === 'call' || node.kind === 'constant')
    .map((node) => `${shown(node)} = ${node.name}(${edges.filter(({ to }) => to === node.id).map(({ from, argument }) => `${argument}=${shown(nodes[from]!)}`).join(', ')})`)
}

const program = (forward: string | string[], more: object = {}): object => ({
  model: { parameters: { w: { value: [[1, 2], [3, 4]] }, b: { value: [0.5, -0.5] } }, forward },
  loss: 'y_hat.sum()',
  data: { x: [[1, 0], [0, 1]] },
  ...more,
})

/** The text of an answer that is not JSON. */
async function drawn(request: object, format: string): Promise<{ text: string; type: string | undefined }> {
  const response = await fetch(`${service.url}/v1/graph`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...request, format }) })
  expect(response.status).toBe(200)
  return { text: await response.text(), type: response.headers.get('content-type') ?? undefined }
}

const golden = (file: string): string => readFileSync(new URL(`../golden/graphs/${file}`, import.meta.url), 'utf8')

describe("the notebook's graph", () => {
  it('as JSON', async () => {
    const { text } = await service.post('/v1/graph', notebook)
    expect(`${JSON.stringify(JSON.parse(text), null, 1)}\n`).toBe(golden('notebook.json'))
  })

  it('as DOT', async () => {
    expect(await drawn(notebook, 'dot')).toEqual({ text: golden('notebook.dot'), type: 'text/vnd.graphviz; charset=utf-8' })
  })

  it('as Mermaid', async () => {
    expect(await drawn(notebook, 'mermaid')).toEqual({ text: golden('notebook.mmd'), type: 'text/vnd.mermaid; charset=utf-8' })
  })

  it('as SVG: well-formed, with the labels and the places', async () => {
    const { text, type } = await drawn(notebook, 'svg')
    expect(type).toBe('image/svg+xml; charset=utf-8')
    const { tags, texts, tooltips } = readXml(text)
    expect(tags.get('svg')).toBe(1)
    expect(texts).toEqual(expect.arrayContaining(['w', 'AccumulateGrad', 'y_hat = mul', 'MulBackward0', '1, grad -2', 'sub', 'SubBackward0', 'pow', 'PowBackward0', 'input', 'other']))
    expect(tooltips.some((tooltip) => tooltip.includes('/model/forward, line 1, column 9'))).toBe(true)
    // A node and an edge each.
    expect(text.match(/class="node"/g)).toHaveLength(6)
    expect(text.match(/class="edge"/g)).toHaveLength(5)
    expect(text).not.toMatch(/fill="white"/)
  })
})

/** Reads XML strictly: every tag is closed in order, text and attributes are escaped. */
function readXml(xml: string): { tags: Map<string, number>; texts: string[]; tooltips: string[] } {
  const body = xml.replace(/^<\?xml[^>]*\?>\s*<!DOCTYPE[^>]*>/, '')
  const token = /<!--[\s\S]*?-->|<(\/?)([\w:]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y
  const open: string[] = []
  const tags = new Map<string, number>()
  const texts: string[] = []
  const tooltips: string[] = []
  const plain = (text: string): string => {
    expect(text).not.toMatch(/&(?!(amp|lt|gt|quot|apos|#\d+);)/)
    return text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code))).replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
  }
  while (token.lastIndex < body.length) {
    const at = token.lastIndex
    const match = token.exec(body)
    if (!match) return expect.fail(`not well-formed at ${JSON.stringify(body.slice(at, at + 60))}`)
    const [, closing, name, attributes, empty, text] = match
    if (text !== undefined && text.trim() !== '') texts.push(plain(text))
    if (name === undefined) continue
    if (closing) {
      expect(open.pop()).toBe(name)
      continue
    }
    tags.set(name, (tags.get(name) ?? 0) + 1)
    for (const [, title] of attributes!.matchAll(/xlink:title="([^"]*)"/g)) tooltips.push(plain(title!))
    if (!empty) open.push(name)
  }
  expect(open).toEqual([])
  return { tags, texts, tooltips }
}

describe('calls', () => {
  it('functions, operators, methods and attributes as they were written', async () => {
    const graph = await graphOf(program(['h = torch.relu(x @ w.T + b)', 'k = -h[:, 0] * 2', 'y_hat = torch.cat([k, h.mean(dim=1)], dim=0)']))
    expect(written(graph)).toEqual([
      '%3 = T(input=w)',
      '%4 = matmul(input=x, other=%3)',
      '%5 = add(input=%4, other=b)',
      'h = relu(input=%5)',
      '%7 = getitem(input=h)',
      '%8 = neg(input=%7)',
      'k = mul(input=%8)',
      '%10 = mean(input=h)',
      'y_hat = cat(tensors[0]=k, tensors[1]=%10)',
      '%12 = sum(input=y_hat)',
    ])
    expect(graph.nodes.map((node) => node.grad_fn)).toEqual([null, 'AccumulateGrad', 'AccumulateGrad', 'PermuteBackward0', 'MmBackward0', 'AddBackward0', 'ReluBackward0', 'SelectBackward0', 'NegBackward0', 'MulBackward0', 'MeanBackward1', 'CatBackward0', 'SumBackward0'])
    expect(graph.loss).toBe(12)
  })

  it('two equal expressions are two nodes with gradients of their own', async () => {
    const spec = { model: { parameters: { w: { value: 3 } }, forward: ['a = w * 2', 'b = w * 2'] }, loss: 'a * 5 + b' }
    const { nodes } = await graphOf(spec)
    const gradients = new Map(nodes.map((node) => [node.variable ?? node.name, (node.gradient as { mean: number }).mean]))
    expect(Object.fromEntries(gradients)).toEqual({ w: 12, a: 5, b: 1, mul: 1, add: 1 })
  })

  /** Nodes by number, with the largest of their numbers. */
  const states = async (forward: string[]): Promise<string[]> => {
    const { nodes, edges } = await graphOf(program(forward))
    return nodes.slice(3).map((node) => `${node.id} ${node.variable ?? ''} = ${node.name}(${edges.filter(({ to }) => to === node.id).map(({ from }) => from).join(', ')}) to ${(node as Node & { value: { max: number } }).value.max}`)
  }

  it('a view of what changes afterwards is a node before, and another one after it', async () => {
    expect(await states(['a = w * 2', 'v = a.T', 'u = v[0]', 'a.mul_(10)', 'y_hat = u * v'])).toEqual(['3 a = mul(1) to 8', '4 v = T(3) to 8', '5 u = getitem(4) to 6', '6 a = mul(3) to 80', '7 v = T(6) to 80', '8 u = getitem(7) to 60', '9 y_hat = mul(8, 7) to 4800', '10  = sum(9) to 9600'])
  })

  it('what a changed view shows is a node of its own: copy_slices', async () => {
    expect(await states(['a = w * 2', 'u, v = a[0], a[1]', 'u.add_(100)', 'a[1] = u', 'y_hat = a + v'])).toEqual([
      '3 a = mul(1) to 8', '4 u = getitem(3) to 4', '5 v = getitem(3) to 8', '6 u = add(4) to 104', '7 a = copy_slices(3, 6) to 104',
      '8  = getitem(7) to 8', '9  = setitem(8, 6) to 104', '10 a = copy_slices(7, 9) to 104', '11 v = getitem(10) to 104', '12 y_hat = add(10, 11) to 208', '13  = sum(12) to 824',
    ])
  })

  it('layers, with their parameters and places', async () => {
    const graph = await graphOf({
      model: { layers: [{ type: 'Linear', in_features: 2, out_features: 3 }, { type: 'Sequential', layers: [{ type: 'Tanh' }] }] },
      loss: { type: 'MSELoss' },
      data: { x: [[1, 2]], y: [[0, 0, 0]] },
    })
    expect(written(graph)).toEqual(['%4 = Linear(input=x, weight=0.weight, bias=0.bias)', 'y_hat = Tanh(input=%4)', '%6 = MSELoss(input=y_hat, target=y)'])
    expect(graph.nodes[4]).toMatchObject({ module: '0', grad_fn: 'AddmmBackward0', pointer: '/model/layers/0', shape: [1, 3] })
    expect(graph.nodes[5]).toMatchObject({ module: '1.0', pointer: '/model/layers/1/layers/0' })
    expect(graph.nodes[6]).toMatchObject({ pointer: '/loss', grad_fn: 'MseLossBackward0' })
  })

  it('modules of a program stand at the line that calls them', async () => {
    const model = { modules: { fc: { type: 'Linear', in_features: 2, out_features: 1, bias: false } }, forward: ['h = x * 2', 'y_hat = fc(h) + fc.weight.sum()'] }
    const graph = await graphOf({ model, loss: 'y_hat.sum()', data: { x: [[1, 2]] } })
    expect(written(graph)).toEqual(['h = mul(input=x)', '%3 = Linear(input=h, weight=fc.weight)', '%4 = sum(input=fc.weight)', 'y_hat = add(input=%3, other=%4)', '%6 = sum(input=y_hat)'])
    expect(graph.nodes[3]).toMatchObject({ module: 'fc', pointer: '/model/forward', line: 2, column: 9 })
  })

  it("the program's own functions are seen through; their variables count where no other does", async () => {
    const graph = await graphOf(program(['def f(a):', '  inner = a * 2', '  out = inner + 1', '  return out', 'y_hat = f(w)']))
    expect(written(graph)).toEqual(['inner = mul(input=w)', 'y_hat = add(input=inner)', '%5 = sum(input=y_hat)'])
  })

  it('several results: those that are used or named', async () => {
    const graph = await graphOf(program(['best, where = w.max(dim=1)', 'first, *rest = torch.split(w, 1, dim=1)', 'only = w.max(dim=0).values', 'y_hat = best + only + first[:, 0]']))
    expect(written(graph)).toEqual(['best = max(input=w)', 'where = max(input=w)', 'first = split(tensor=w)', 'only = max(input=w)', '%7 = add(input=best, other=only)', '%8 = getitem(input=first)', 'y_hat = add(input=%7, other=%8)', '%10 = sum(input=y_hat)'])
    expect(graph.nodes.filter((node) => node.name === 'max')).toMatchObject([{ output: 0, dtype: 'float32' }, { output: 1, dtype: 'int64', grad_fn: null, requires_grad: false }, { output: 0 }])
  })

  it('loops, rows, sums of lists, constants and comparisons', async () => {
    const graph = await graphOf(program(['rows = [row * 2 for row in w]', 'total = sum(rows)', 'mask = total > torch.zeros(2)', 'y_hat = torch.where(mask, total, 0.0)']))
    expect(written(graph)).toEqual(['row = getitem(input=w)', '%4 = mul(input=row)', 'row = getitem(input=w)', '%6 = mul(input=row)', '%7 = add(other=%4)', 'total = add(input=%7, other=%6)', 'zeros = zeros()', 'mask = gt(input=total, other=zeros)', 'y_hat = where(condition=mask, input=total)', '%12 = sum(input=y_hat)'])
    expect(graph.nodes[9]).toMatchObject({ kind: 'constant', name: 'zeros', requires_grad: false })
  })

  it('torch.autograd.grad inside the program', async () => {
    const graph = await graphOf({ model: { parameters: { w: { value: 3 } }, forward: ['x.requires_grad_()', 'u = w * x ** 2', 'slope, = torch.autograd.grad(u, x, create_graph=True)'] }, loss: 'slope ** 2', data: { x: 2 } })
    expect(written(graph)).toEqual(['%2 = pow(input=x)', 'u = mul(input=w, other=%2)', 'slope = grad(outputs[0]=u, inputs[0]=x)', '%5 = pow(input=slope)'])
    // slope = 2 w x = 12, d slope² / d slope = 24, d / dw = 24 · 2 x.
    expect(graph.nodes.find((node) => node.variable === 'slope')).toMatchObject({ value: { mean: 12 }, gradient: { mean: 24 } })
    expect(graph.nodes.find((node) => node.name === 'w')).toMatchObject({ gradient: { mean: 96 } })
    expect(graph.nodes.find((node) => node.name === 'x')).toMatchObject({ grad_fn: 'AccumulateGrad', requires_grad: true })
  })

  it('a condition on a tensor takes its branch', async () => {
    const graph = await graphOf(program(['if w.sum() > 5:', '  y_hat = w * 2', 'else:', '  y_hat = w * 3']))
    expect(written(graph)).toEqual(['%3 = sum(input=w)', '%4 = gt(input=%3)', 'y_hat = mul(input=w)', '%6 = sum(input=y_hat)'])
  })
})

describe('values and gradients', () => {
  it('what the loss does not depend on has no gradient', async () => {
    const { nodes } = await graphOf(program(['unused = b * 2', 'y_hat = w * x']))
    expect(nodes.map(({ name, variable, gradient }) => [variable ?? name, gradient !== undefined])).toEqual([['x', false], ['w', true], ['b', false], ['unused', false], ['y_hat', true], ['sum', true]])
  })

  it('without a backward pass no gradients, and no loss is needed', async () => {
    const { nodes, loss } = await graphOf({ ...program('y_hat = w * x'), loss: undefined, backward: false })
    expect(loss).toBeUndefined()
    expect(nodes.filter((node) => node.gradient)).toEqual([])
    expect(nodes.at(-1)).toMatchObject({ variable: 'y_hat', value: { min: 0, max: 4, mean: 1.25, norm: 4.1231055, zeros: 2, non_finite: 0 } })
  })

  it('of large tensors as of small ones', async () => {
    const numbers = Array.from({ length: 6000 }, (_, i) => Math.sin(i) * (i % 7 === 0 ? 0 : 1))
    const special = Float32Array.from(numbers)
    special[10] = Number.NaN
    special[20] = -Infinity
    const base64 = Buffer.from(special.buffer).toString('base64')
    const spec = (shape: number[]): object => ({ model: { parameters: { w: { value: 2 } }, forward: ['whole = x.long()', 'mask = x > 0', 'y_hat = w * x'] }, loss: 'y_hat.nan_to_num(0, 0, 0).sum()', data: { x: { base64, shape } } })
    const large = await graphOf(spec([6000]))
    const finite = [...special].filter((x) => Number.isFinite(x))
    const sum = finite.reduce((a, b) => a + b, 0)
    expect(large.nodes[0]).toMatchObject({
      value: { min: expect.closeTo(Math.min(...finite), 6), max: expect.closeTo(Math.max(...finite), 6), mean: expect.closeTo(sum / 5998, 7), norm: expect.closeTo(Math.hypot(...finite), 4), zeros: finite.filter((x) => x === 0).length, non_finite: 2 },
    })
    // The gradient of y_hat is 1 where it is finite.
    expect(large.nodes.find((node) => node.variable === 'y_hat')!.gradient).toEqual({ min: 0, max: 1, mean: expect.closeTo(5998 / 6000, 6), norm: expect.closeTo(Math.sqrt(5998), 4), zeros: 2, non_finite: 0 })
    const mask = large.nodes.find((node) => node.variable === 'mask')!
    expect(mask).toMatchObject({ dtype: 'bool', value: { min: 0, max: 1, zeros: 6000 - finite.filter((x) => x > 0).length } })
    expect(large.nodes.find((node) => node.variable === 'whole')).toMatchObject({ dtype: 'int64', value: { max: 0, non_finite: 0 } })
  })

  it('an empty tensor, and one with nothing finite in it', async () => {
    const { nodes } = await graphOf({ model: { forward: ['y_hat = x / x'] }, data: { x: [0, 0], e: { data: [], shape: [0, 3] } }, backward: false })
    expect(nodes.map((node) => (node as unknown as { value: object }).value)).toEqual([
      { min: 0, max: 0, mean: 0, norm: 0, zeros: 2, non_finite: 0 },
      { min: null, max: null, mean: null, norm: null, zeros: 0, non_finite: 0 },
      { min: null, max: null, mean: null, norm: null, zeros: 0, non_finite: 2 },
    ])
  })

  it('the numbers are those of a backward pass', async () => {
    const spec = { model: { layers: [{ type: 'Linear', in_features: 2, out_features: 4 }, { type: 'Tanh' }, { type: 'Linear', in_features: 4, out_features: 1 }] }, loss: { type: 'MSELoss' }, data: { x: [[0, 1], [1, 1]], y: [[1], [0]] }, dtype: 'float64' }
    const { nodes, loss } = await graphOf(spec)
    const { body } = await service.post('/v1/backward', spec)
    expect(nodes[loss!]).toMatchObject({ value: { mean: body.loss } })
    for (const [name, gradient] of Object.entries(body.gradients as Record<string, number[][]>)) {
      const { norm } = nodes.find((node) => node.name === name)!.gradient as { norm: number }
      expect(norm).toBeCloseTo(Math.hypot(...gradient.flat()), 12)
    }
  })
})

describe('drawings', () => {
  it('show shapes, several results, whole numbers, and what is not finite', async () => {
    const spec = program(['best, place = torch.log(w - 1).max(dim=1)', 'y_hat = best'])
    const { text } = await drawn(spec, 'dot')
    expect(text).toContain('label="log\\nLogBackward0\\n[2, 2], 1 not finite"')
    expect(text).toContain('label="place = max [1]\\nint64 [2]"')
    expect(text).toContain('fillcolor="#ffb8b0"')
    const mermaid = await drawn(spec, 'mermaid')
    expect(mermaid.text).toContain('classDef non_finite ')
  })

  it('draw an empty graph', async () => {
    const { text } = await drawn({ model: { forward: 'n = 1' }, backward: false }, 'svg')
    expect(readXml(text).tags.get('svg')).toBe(1)
    expect((await drawn({ model: { forward: 'n = 1' }, backward: false }, 'mermaid')).text).toBe('flowchart TD\n')
  })

  it('come from a body that is checked in the worker too', async () => {
    const wide = { ...notebook, data: { ...notebook.data, more: Array.from({ length: 9000 }, () => 0.5) } }
    expect((await drawn(wide, 'svg')).type).toBe('image/svg+xml; charset=utf-8')
  })
})

describe('bad input', () => {
  const expectProblem = async (request: object, status: number, code: string, error: object): Promise<void> => {
    const { status: got, body } = await service.post('/v1/graph', request)
    expect([got, body.code], JSON.stringify(body)).toEqual([status, code])
    expect(body.errors[0]).toMatchObject(error)
  }

  it('an unknown format', () => expectProblem({ ...notebook, format: 'png' }, 400, 'invalid_request', { pointer: '/format', code: 'invalid_value' }))
  it('an unknown field', () => expectProblem({ ...notebook, backwards: false }, 400, 'invalid_request', { pointer: '/backwards', code: 'unknown_field', message: expect.stringContaining('did you mean "backward"') }))
  it('a wrong type', () => expectProblem({ ...notebook, backward: 'no' }, 400, 'invalid_request', { pointer: '/backward', code: 'invalid_type' }))
  it('a backward pass without a loss', () => expectProblem({ ...notebook, loss: undefined }, 422, 'no_loss', { pointer: '/loss' }))
  it('a loss that depends on no parameter', () => expectProblem({ ...notebook, loss: 'x * 2' }, 422, 'loss_without_parameters', { pointer: '/loss' }))
  it('a program with a fault', () => expectProblem({ ...notebook, model: { forward: ['a = x', 'b = torch.relux(a)'] }, format: 'svg' }, 422, 'unknown_function', { pointer: '/model/forward', line: 2, column: 5 }))
  it('an index out of range', () => expectProblem({ model: { parameters: { w: { value: [1, 2] } }, forward: 'y_hat = w[i]' }, loss: 'y_hat', data: { i: { data: 2, dtype: 'int64' } } }, 422, 'index_out_of_range', { pointer: '/model/forward', line: 1 }))
  it('a graph that is too large to be drawn; as text it can be had', async () => {
    const long = { model: { parameters: { w: { value: 1 } }, forward: ['y_hat = w', 'for i in range(1200):', '  y_hat = y_hat + 1'] }, loss: 'y_hat', backward: false }
    await expectProblem({ ...long, format: 'svg' }, 422, 'graph_too_large', { pointer: '/format', message: 'the graph has 1201 nodes, and up to 1000 are drawn; ask for the format "dot" or "json"' })
    expect((await drawn(long, 'dot')).text.split('\n').length).toBeGreaterThan(2400)
  })
})
