/** Bad input: each with its exact code and place; afterwards the service answers as before. */
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { ExpectedProblem } from '../service.ts'
import { notebook, expectProblem as refused, useService } from '../service.ts'

const service = useService({ MAX_BODY_BYTES: String(20 * 2 ** 20), CANCEL_GRACE_MS: '300' })

const expectProblem = (path: string, body: unknown, expected: ExpectedProblem): Promise<void> => refused(service, path, body, expected)

const sgd = { type: 'SGD', lr: 0.01 }
const program = (forward: string | string[], loss = 'y_hat.sum()', data: object = { x: [[1, 2, 3], [4, 5, 6]] }): object => ({
  model: { parameters: { w: { value: [[1, 2], [3, 4]] } }, forward },
  loss,
  data,
})
const layers = (list: object[], extra: object = {}): object => ({
  model: { layers: list },
  loss: { type: 'MSELoss' },
  data: { x: [[1, 2], [3, 4]], y: [[1], [2]] },
  optimizer: sgd,
  ...extra,
})
const linear = { type: 'Linear', in_features: 2, out_features: 1 }

describe('the form of the request', () => {
  it('not JSON', () => expectProblem('/v1/backward', '{"model": ', { status: 400, code: 'invalid_json' }))
  it('not UTF-8', async () => {
    const response = await service.post('/v1/backward', '').send(Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'))
    expect([response.status, response.body.code]).toEqual([400, 'invalid_json'])
  })
  it('an empty body', () => expectProblem('/v1/backward', '', { status: 400, code: 'invalid_json' }))
  it('a packed body', async () => {
    const { status, body } = await service.post('/v1/backward', notebook, { 'content-encoding': 'gzip' })
    expect([status, body.code, body.detail]).toEqual([415, 'unsupported_media_type', 'a body without Content-Encoding is expected, got gzip'])
  })
  it('JSON that is no object', () => expectProblem('/v1/backward', [1, 2], { status: 400, code: 'invalid_request', error: { pointer: '', code: 'invalid_type' } }))
  it('a missing field', () => expectProblem('/v1/train', notebook, { status: 400, code: 'invalid_request', error: { pointer: '/optimizer', code: 'missing_field' } }))
  it('a wrong type at depth', () =>
    expectProblem('/v1/train', layers([{ type: 'Sequential', layers: [{ ...linear, in_features: 'two' }] }]), {
      status: 400,
      code: 'invalid_request',
      error: { pointer: '/model/layers/0/layers/0/in_features', code: 'invalid_type', message: /number expected, got "two"/ },
    }))
  it('a number out of range', () =>
    expectProblem('/v1/train', layers([{ ...linear, in_features: 0 }]), { status: 400, code: 'invalid_request', error: { pointer: '/model/layers/0/in_features', code: 'invalid_value', message: />0, got 0/ } }))
  it('an unknown field', () =>
    expectProblem('/v1/train', layers([linear], { batchsize: 2 }), { status: 400, code: 'invalid_request', error: { pointer: '/batchsize', code: 'unknown_field', message: /did you mean "batch_size"/ } }))
  it('an unknown option of a layer', () =>
    expectProblem('/v1/train', layers([{ ...linear, in_feature: 2 }]), { status: 400, code: 'invalid_request', error: { pointer: '/model/layers/0/in_feature', code: 'unknown_field', message: /did you mean "in_features"/ } }))
  it('an unknown option of an optimizer', () =>
    expectProblem('/v1/train', layers([linear], { optimizer: { type: 'Adam', learning_rate: 1 } }), { status: 400, code: 'invalid_request', error: { pointer: '/optimizer/learning_rate', code: 'unknown_field' } }))
  it('a NaN-like string', () =>
    expectProblem('/v1/backward', { ...notebook, data: { x: [1, 'NaN'], y: 2 } }, { status: 400, code: 'invalid_request', error: { pointer: '/data/x/1', code: 'invalid_type', message: /got "NaN"; JSON has no NaN/ } }))
  it('a number beyond float64', () =>
    expectProblem('/v1/backward', '{"model":{"forward":"y_hat = x"},"loss":"x","data":{"x":1e999}}', { status: 400, code: 'invalid_request', error: { pointer: '/data/x', code: 'invalid_type' } }))
  it('a name with two underscores', () =>
    expectProblem('/v1/backward', '{"model":{"forward":"y_hat = x"},"loss":"x","data":{"a__b":1}}', { status: 400, code: 'invalid_request', error: { pointer: '/data/a__b', code: 'invalid_value' } }))
  it('__proto__', () => expectProblem('/v1/backward', '{"model":{"forward":"y_hat = x"},"loss":"x","data":{"__proto__":1}}', { status: 400, code: 'invalid_json' }))
  it('10,000 nested brackets', () =>
    expectProblem('/v1/backward', `{"model":{"forward":"y_hat = x"},"loss":"x","data":{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`, {
      status: 400,
      code: 'invalid_request',
      error: { pointer: `/data/x${'/0'.repeat(32)}`, code: 'invalid_value', message: /at most 32 dimensions/ },
    }))
  it('10,000 nested parentheses in a program', () =>
    expectProblem('/v1/backward', program(`y_hat = ${'('.repeat(10_000)}x${')'.repeat(10_000)}`), { status: 422, code: 'program_too_deep', error: { pointer: '/model/forward', line: 1 } }))
  it('at most 20 errors', async () => {
    const { body } = await service.post('/v1/train', layers(Array.from({ length: 50 }, () => ({ ...linear, in_features: -1 }))))
    expect(body.errors).toHaveLength(20)
  })
  it('a body over the limit', () => expectProblem('/v1/backward', `{"data":{"x":[${'1,'.repeat(25 * 2 ** 20)}1]}}`, { status: 413, code: 'body_too_large' }))
  it('another media type', async () => {
    const response = await service.post('/v1/backward', '<model/>', { 'content-type': 'application/xml' })
    expect([response.status, response.body.code]).toEqual([415, 'unsupported_media_type'])
  })
  it('an Accept header that cannot be met', async () => {
    const response = await service.post('/v1/train', layers([linear]), { accept: 'image/png' })
    expect([response.status, response.body.code]).toEqual([406, 'not_acceptable'])
  })
  it('another method', async () => {
    const response = await service.get('/v1/train')
    expect([response.status, response.body.code, response.headers['allow']]).toEqual([405, 'method_not_allowed', 'POST'])
  })
  it('another path', async () => {
    const response = await service.get('/v2/train')
    expect([response.status, response.body.code]).toEqual([404, 'not_found'])
  })
})

describe('the spec', () => {
  it('a ragged array', () =>
    expectProblem('/v1/backward', { ...notebook, data: { x: [[1, 2], [3]], y: 2 } }, { status: 422, code: 'invalid_tensor', error: { pointer: '/data/x/1', message: /a list of 2 expected, got a list of 1/ } }))
  it('a list where a number belongs', () =>
    expectProblem('/v1/backward', { ...notebook, data: { x: [1, [2]], y: 2 } }, { status: 422, code: 'invalid_tensor', error: { pointer: '/data/x/1', message: /a number expected, got a list of 1/ } }))
  it('a wrong count', () =>
    expectProblem('/v1/backward', { ...notebook, data: { x: { data: [1, 2, 3], shape: [2, 2] }, y: 2 } }, { status: 422, code: 'invalid_tensor', error: { pointer: '/data/x/shape', message: /4 elements, got 3/ } }))
  it('base64 of a wrong length', () =>
    expectProblem('/v1/backward', { ...notebook, data: { x: { base64: 'AAAA', shape: [2] }, y: 2 } }, { status: 422, code: 'invalid_tensor', error: { pointer: '/data/x/base64', message: /8 bytes, got 3/ } }))
  it('shapes that do not fit', () =>
    expectProblem('/v1/backward', program(['h = x', 'y_hat = h @ w']), {
      status: 422,
      code: 'shape_mismatch',
      error: { pointer: '/model/forward', line: 2, column: 9, message: /shapes \[2, 3\] and \[2, 2\] cannot be multiplied/ },
    }))
  it('shapes that do not broadcast', () =>
    expectProblem('/v1/backward', program('y_hat = x * w'), { status: 422, code: 'shape_mismatch', error: { line: 1, column: 9, message: /\[2, 3\] and \[2, 2\]/ } }))
  it('a layer that does not fit its input', () =>
    expectProblem('/v1/train', layers([linear, linear]), {
      status: 422,
      code: 'shape_mismatch',
      error: { pointer: '/model/layers/1/in_features', message: /in_features = 2, got shape \[2, 1\]/ },
    }))
  it('an unknown function', () =>
    expectProblem('/v1/backward', program('y_hat = torch.relux(x)'), { status: 422, code: 'unknown_function', error: { pointer: '/model/forward', line: 1, column: 9, message: /did you mean "relu"/ } }))
  it('an unknown method', () => expectProblem('/v1/backward', program('y_hat = x.summ()'), { status: 422, code: 'unknown_function', error: { line: 1, column: 9, message: /did you mean "sum"/ } }))
  it('an unknown name', () => expectProblem('/v1/backward', program('y_hat = w2 * x'), { status: 422, code: 'unknown_name', error: { line: 1, column: 9, message: /"w2" is not defined; did you mean "w"/ } }))
  it('an unknown layer', () => expectProblem('/v1/train', layers([{ type: 'Linaer' }]), { status: 422, code: 'unknown_layer', error: { pointer: '/model/layers/0/type', message: /did you mean "Linear"/ } }))
  it('an unknown loss', () => expectProblem('/v1/train', layers([linear], { loss: { type: 'MSE' } }), { status: 422, code: 'unknown_loss', error: { pointer: '/loss/type' } }))
  it('an unknown optimizer', () => expectProblem('/v1/train', layers([linear], { optimizer: { type: 'SDG' } }), { status: 422, code: 'unknown_optimizer', error: { pointer: '/optimizer/type', message: /did you mean "SGD"/ } }))
  it('an unknown initialisation', () =>
    expectProblem('/v1/backward', { ...notebook, model: { parameters: { w: { shape: [1], init: { type: 'kaiming' } } }, forward: 'y_hat = w' } }, { status: 422, code: 'unknown_init', error: { pointer: '/model/parameters/w/init/type' } }))
  it('a syntax error in line 2', () => expectProblem('/v1/backward', program(['h = x', 'y_hat = h +']), { status: 422, code: 'syntax_error', error: { pointer: '/model/forward', line: 2, column: 12 } }))
  it('an unexpected indentation', () => expectProblem('/v1/backward', program(['h = x', '   y_hat = h']), { status: 422, code: 'syntax_error', error: { line: 2, column: 4, message: /column 1 expected/ } }))
  it('import os', () => expectProblem('/v1/backward', program(['import os', 'y_hat = x']), { status: 422, code: 'not_in_language', error: { line: 1, column: 1, message: /^import/ } }))
  it('__class__', () => expectProblem('/v1/backward', program('y_hat = x.__class__'), { status: 422, code: 'not_in_language', error: { line: 1, column: 11, message: /two underscores/ } }))
  it('exec("x")', () => expectProblem('/v1/backward', program('y_hat = exec("x")'), { status: 422, code: 'unknown_function', error: { line: 1, column: 9, message: /"exec"/ } }))
  it('an f-string', () => expectProblem('/v1/backward', program('f = f"{x}"'), { status: 422, code: 'not_in_language', error: { line: 1, column: 5, message: /^an f-string/ } }))
  it('an assertion that does not hold', () => expectProblem('/v1/backward', program('assert (x < -1e9).all(), "too large"'), { status: 422, code: 'assertion_failed', error: { line: 1, column: 1, message: /does not hold: too large/ } }))
  it('a class', () => expectProblem('/v1/backward', program('class A: pass'), { status: 422, code: 'not_in_language', error: { line: 1, column: 1 } }))
  it('an element of a parameter that is assigned to', () => expectProblem('/v1/backward', program('w[0] = 1'), { status: 422, code: 'not_in_language', error: { line: 1, column: 1, message: /in place/ } }))
  it('a condition on several elements', () =>
    expectProblem('/v1/backward', program(['y_hat = x', 'if x > 0:', '  y_hat = x * 2']), { status: 422, code: 'bad_argument', error: { line: 2, column: 4, message: /ambiguous: use \.any\(\) or \.all\(\)/ } }))
  it('a mask as an index', () => expectProblem('/v1/backward', program('y_hat = x[x > 0]'), { status: 422, code: 'value_dependent', error: { line: 1, column: 9 } }))
  it('an index out of range on the way to a condition', () =>
    expectProblem('/v1/backward', program(['i = torch.tensor([7]) + (x.sum() * 0).long()', 'if x.flatten()[i].sum() > 0:', '  y_hat = x'], 'x.sum()', { x: [[1, 2]] }), { status: 422, code: 'index_out_of_range', error: { line: 2, column: 4 } }))
  it('a missing argument', () => expectProblem('/v1/backward', program('y_hat = torch.transpose(x, 0)'), { status: 422, code: 'bad_argument', error: { line: 1, column: 9, message: /"dim1" \(int\) is missing/ } }))
  it('a dimension that does not exist', () => expectProblem('/v1/backward', program('y_hat = x.sum(dim=2)'), { status: 422, code: 'bad_argument', error: { line: 1, column: 9, message: /\[-2, 1\], got 2/ } }))
  it('a loss of one element in some dimensions is a scalar', async () => {
    const { body } = await service.post('/v1/backward', program('y_hat = x @ w[:, :1]', 'y_hat', { x: [[1, 2]] }))
    expect(body).toMatchObject({ loss: 7, gradients: { w: [[1, 0], [2, 0]] } })
  })
  it('a loss with several elements', () => expectProblem('/v1/backward', program('y_hat = w * 2', 'y_hat'), { status: 422, code: 'loss_not_scalar', error: { pointer: '/loss', message: /float32 tensor of shape \[2, 2\]/ } }))
  it('a loss without a value', () => expectProblem('/v1/backward', program('y_hat = w * 2', 'h = y_hat.sum()'), { status: 422, code: 'loss_not_scalar', error: { pointer: '/loss' } }))
  it('a loss that depends on no parameter', () => expectProblem('/v1/backward', program('y_hat = x * 2'), { status: 422, code: 'loss_without_parameters', error: { pointer: '/loss', message: /"w"/ } }))
  it('a model without parameters', () => expectProblem('/v1/backward', { model: { forward: 'y_hat = x' }, loss: 'y_hat', data: { x: 1 } }, { status: 422, code: 'loss_without_parameters' }))
  it('nothing to compute', () => expectProblem('/v1/forward', { model: { parameters: { w: { value: 1 } } }, data: {} }, { status: 422, code: 'no_model', error: { pointer: '/model' } }))
  it('no loss', () => expectProblem('/v1/backward', { ...notebook, loss: undefined }, { status: 400, code: 'invalid_request', error: { pointer: '/loss', code: 'missing_field' } }))
  it('a parameter without a value', () =>
    expectProblem('/v1/backward', { ...notebook, model: { parameters: { w: { shape: [2] } }, forward: 'y_hat = w' } }, { status: 400, code: 'invalid_request', error: { pointer: '/model/parameters/w', message: /either "value", or "shape" and "init"/ } }))
  it('an initialisation that does not fit the shape', () =>
    expectProblem('/v1/backward', { ...notebook, model: { parameters: { w: { shape: [2], init: { type: 'eye' } } }, forward: 'y_hat = w' } }, { status: 422, code: 'bad_option', error: { pointer: '/model/parameters/w/init', message: /shape \[2\]/ } }))
  it('layers and a program', () => expectProblem('/v1/train', layers([linear], { model: { layers: [linear], forward: 'y_hat = x' } }), { status: 422, code: 'name_conflict', error: { pointer: '/model/forward' } }))
  it('one name for two things', () => expectProblem('/v1/backward', { ...notebook, data: { x: 1, y: 2, w: 3 } }, { status: 422, code: 'name_conflict', error: { pointer: '/model/parameters/w' } }))
  it('a state that does not fit: everything at once', async () => {
    await expectProblem('/v1/train', layers([linear], { state: { '0.weight': [[1]], '0.bais': [1], '0.bias': [1] } }), { status: 422, code: 'state_mismatch', error: { pointer: '/state/0.weight', message: /\[1, 2\], got \[1, 1\]/ } })
    const { body } = await service.post('/v1/train', layers([linear], { state: { '0.weight': [[1]], '0.bais': [1] } }))
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(['/state/0.weight', '/state/0.bais', '/state'])
  })
  it('an empty dataset', () => expectProblem('/v1/train', layers([linear], { data: { x: [], y: [] } }), { status: 422, code: 'empty_data', error: { pointer: '/data/x' } }))
  it('numbers of rows that differ', () => expectProblem('/v1/train', layers([linear], { batch_size: 2, data: { x: [[1, 2], [3, 4]], y: [[1], [2], [3]] } }), { status: 422, code: 'batch_mismatch', error: { pointer: '/data/y', message: /"x" has 2 rows, "y" has 3/ } }))
  it('a label that is out of range', () =>
    expectProblem('/v1/train', layers([{ ...linear, out_features: 3 }], { loss: { type: 'CrossEntropyLoss' }, data: { x: [[1, 2], [3, 4]], y: [0, 3] } }), {
      status: 422,
      code: 'index_out_of_range',
      error: { pointer: '/loss', message: /class label 3 is out of range: whole numbers from 0 to 2 expected/ },
    }))
  it('a label that is not whole', () =>
    expectProblem('/v1/backward', program('y_hat = x @ w', 'F.cross_entropy(y_hat, t)', { x: [[1, 2]], t: [0.5] }), { status: 422, code: 'index_out_of_range', error: { pointer: '/loss', line: 1, column: 1, message: /0.5 is not a whole number/ } }))
  it('an index that is out of range', () =>
    expectProblem('/v1/backward', program('y_hat = w[i]', 'y_hat.sum()', { i: { data: [0, -3], dtype: 'int64' } }), { status: 422, code: 'index_out_of_range', error: { pointer: '/model/forward', line: 1, column: 9, message: /index -3 .* from -2 to 1/ } }))
})

describe('limits', () => {
  it('10^9 steps', () => expectProblem('/v1/train', { ...notebook, optimizer: sgd, steps: 1e9 }, { status: 422, code: 'too_many_steps', error: { pointer: '/steps' } }))
  it('torch.zeros(100000, 100000)', () =>
    expectProblem('/v1/backward', program(['h = x', 'y_hat = torch.zeros(100000, 100000) + h.sum()']), { status: 422, code: 'tensor_too_large', error: { pointer: '/model/forward', line: 2, column: 9, message: /10000000000 elements; the limit is 100000000/ } }))
  it('range(10**9)', () => expectProblem('/v1/backward', program(['h = 0', 'for i in range(10**9):', '  h = h + i', 'y_hat = w * h']), { status: 422, code: 'trace_too_long', error: { pointer: '/model/forward' } }))
  it('a recursion without end', () => expectProblem('/v1/backward', program(['def f(x):', '  return f(x)', 'y_hat = f(w)']), { status: 422, code: 'trace_too_long' }))
  it('a program that is too long', () => expectProblem('/v1/backward', program(`y_hat = x  # ${'-'.repeat(200_000)}`), { status: 422, code: 'program_too_long', error: { pointer: '/model/forward' } }))
  it('a graph with too many nodes', () => expectProblem('/v1/backward', program(['y_hat = w', 'for i in range(120000):', '  y_hat = y_hat * i']), { status: 422, code: 'graph_too_large', error: { line: 3 } }))
  it('more memory than the limit', () =>
    expectProblem('/v1/backward', program(['a = torch.ones(10000, 9000)', 'b = torch.exp(w.sum() * a)', 'y_hat = b @ (b.T @ b)']), { status: 422, code: 'memory_limit' }))
  it('an answer that is too large', () =>
    expectProblem('/v1/train', { model: { parameters: { w: { shape: [3000, 1000], init: { type: 'zeros' } } }, forward: 'y_hat = w' }, loss: 'y_hat.sum()', optimizer: sgd, steps: 100 }, { status: 422, code: 'response_too_large' }))
})

describe('callers who leave', () => {
  /** Posts and destroys the connection after `ms`. */
  function postAndLeave(body: object, headers: Record<string, string>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const text = JSON.stringify(body)
      const request = httpRequest(`${service.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers } })
      request.on('error', () => {})
      request.on('close', resolve)
      request.end(text)
      setTimeout(() => request.destroy(), ms)
    })
  }

  const long = { model: { parameters: { w: { shape: [300, 300], init: { type: 'uniform' } } }, forward: 'y_hat = w @ w @ w' }, loss: 'y_hat.mean()', optimizer: { type: 'SGD', lr: 1e-9 }, steps: 1_000_000, report: { gradients: 'none', every: 1000 } }

  for (const accept of ['application/json', 'application/x-ndjson', 'text/event-stream']) {
    it(`the work stops when the client goes away (${accept})`, async () => {
      const left = postAndLeave(long, { accept }, 200)
      await sleep(100)
      expect(service.app.pool.state.busy).toBe(1)
      await left
      const from = Date.now()
      while (service.app.pool.state.busy > 0 && Date.now() - from < 5000) await sleep(5)
      expect(service.app.pool.state).toMatchObject({ busy: 0 })
      expect(service.logged().at(-1)).toMatchObject({ route: 'POST /v1/train', aborted: true, msg: 'request', ...(accept !== 'application/json' && { status: 200 }) })
    })
  }

  it('one that ends before its body is logged too', async () => {
    const request = httpRequest(`${service.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': '100', 'x-request-id': 'half' } })
    request.on('error', () => {})
    request.write('{"model"')
    await sleep(50)
    request.destroy()
    await sleep(50)
    const line = service.logged().find(({ reqId }) => reqId === 'half')
    expect(line).toMatchObject({ route: 'POST /v1/train', aborted: true })
    expect(line).not.toHaveProperty('status')
  })
})

describe('what is no request', () => {
  /** The status, headers and body that come for bytes. */
  const raw = async (bytes: string): Promise<{ readonly head: string; readonly body: Record<string, unknown> }> => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    socket.write(bytes)
    let text = ''
    for await (const piece of socket) text += String(piece)
    const [head, body] = text.split('\r\n\r\n') as [string, string]
    return { head, body: JSON.parse(body) as Record<string, unknown> }
  }

  it.each([
    ['BREW / HTTP/1.1\r\n\r\n', '400 Bad Request', 'what came is not HTTP/1.1'],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, '431 Request Header Fields Too Large', 'path and headers are larger than the limit of 16 kB'],
    ['GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '400 Bad Request', "'/%zz' is not a valid url component"],
  ])('is answered with a problem: %s', async (bytes, status, detail) => {
    const { head, body } = await raw(bytes)
    const [, id] = /^x-request-id: (\S+)/im.exec(head)!
    expect([head.split('\r\n')[0], /^content-type: (.*)$/im.exec(head)![1]]).toEqual([`HTTP/1.1 ${status}`, 'application/problem+json; charset=utf-8'])
    expect(body).toMatchObject({ status: Number.parseInt(status, 10), code: 'invalid_request', detail, instance: `urn:request:${id}` })
  })

  it('a file of the documentation that there is not is 404', async () => {
    const { status, body } = await service.get('/docs/static/nothing.js')
    expect([status, body.code]).toEqual([404, 'not_found'])
  })
})

describe('afterwards', () => {
  it('the service answers, and no worker was lost', async () => {
    const { body } = await service.post('/v1/backward', notebook)
    expect(body).toEqual({ loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2 } })
    expect(service.app.pool.state).toMatchObject({ busy: 0, queued: 0 })
    expect(service.logged().filter((line) => line['msg'] === 'worker lost; another one starts')).toEqual([])
    expect(service.logged().filter((line) => line['msg'] === 'fault')).toEqual([])
  })
})

