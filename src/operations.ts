/** What the documentation says of the compute operations, with examples that the tests post. */
import type { ExampleDoc, OperationDoc } from './openapi.ts'
import { backwardResponse, forwardResponse, graphResponse, hessianResponse, trainResponse, validateResponse } from './responses.ts'
import type { Operation } from './spec.ts'
import { requestSchemas } from './spec.ts'

const problems = [400, 406, 413, 415, 422, 500, 503, 504]

const notebook = {
  model: { parameters: { w: { value: 1.0 } }, forward: 'y_hat = w * x' },
  loss: '(y_hat - y)**2',
  data: { x: 1.0, y: 2.0 },
}

const layered = {
  model: { layers: [{ type: 'Linear', in_features: 2, out_features: 1 }] },
  loss: { type: 'MSELoss' },
  data: { x: [[0, 0.75]], y: [[1.75]] },
  state: { '0.weight': [[1, 1]], '0.bias': [0] },
}

const forwardExamples: Record<string, ExampleDoc> = {
  notebook: {
    summary: 'The loss of w = 1 at x = 1, y = 2',
    request: notebook,
    response: { loss: 1, grad_fn: 'PowBackward0', outputs: { y_hat: 1 } },
  },
  softmax: {
    summary: 'Any program; outputs by name',
    request: { model: { forward: ['p = torch.softmax(z, dim=1)', 'best = p.argmax(dim=1)'] }, data: { z: [[0, 0], [0, 200]] }, outputs: ['p', 'best'] },
    response: { outputs: { p: [[0.5, 0.5], [0, 1]], best: [0, 1] } },
  },
}

const backwardExamples: Record<string, ExampleDoc> = {
  notebook: {
    summary: 'The gradient of the loss with respect to w',
    request: notebook,
    response: { loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2 } },
  },
  intermediate: {
    summary: 'The gradient of an intermediate value too',
    request: { ...notebook, retain_grad: ['y_hat'] },
    response: { loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2, y_hat: -2 } },
  },
}

const one = { min: 1, max: 1, mean: 1, norm: 1, zeros: 0, non_finite: 0 }
const two = { min: 2, max: 2, mean: 2, norm: 2, zeros: 0, non_finite: 0 }
const minus = (x: number): typeof one => ({ min: -x, max: -x, mean: -x, norm: x, zeros: 0, non_finite: 0 })
const scalar = { shape: [], dtype: 'float32' }

const graphExamples: Record<string, ExampleDoc> = {
  notebook: {
    summary: 'The graph of the notebook',
    request: notebook,
    response: {
      nodes: [
        { id: 0, kind: 'data', name: 'x', grad_fn: null, ...scalar, requires_grad: false, pointer: '/data/x', value: one },
        { id: 1, kind: 'data', name: 'y', grad_fn: null, ...scalar, requires_grad: false, pointer: '/data/y', value: two },
        { id: 2, kind: 'parameter', name: 'w', grad_fn: 'AccumulateGrad', ...scalar, requires_grad: true, pointer: '/model/parameters/w', value: one, gradient: minus(2) },
        { id: 3, kind: 'call', name: 'mul', variable: 'y_hat', grad_fn: 'MulBackward0', ...scalar, requires_grad: true, pointer: '/model/forward', line: 1, column: 9, value: one, gradient: minus(2) },
        { id: 4, kind: 'call', name: 'sub', grad_fn: 'SubBackward0', ...scalar, requires_grad: true, pointer: '/loss', line: 1, column: 2, value: minus(1), gradient: minus(2) },
        { id: 5, kind: 'call', name: 'pow', grad_fn: 'PowBackward0', ...scalar, requires_grad: true, pointer: '/loss', line: 1, column: 1, value: one, gradient: one },
      ],
      edges: [
        { from: 2, to: 3, argument: 'input' },
        { from: 0, to: 3, argument: 'other' },
        { from: 3, to: 4, argument: 'input' },
        { from: 1, to: 4, argument: 'other' },
        { from: 4, to: 5, argument: 'input' },
      ],
      loss: 5,
    },
  },
}

const hessianExamples: Record<string, ExampleDoc> = {
  notebook: {
    summary: 'How the gradient of the loss changes with w: 2x²',
    request: notebook,
    response: { loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2 }, hessian: { w: { w: 2 } } },
  },
  product: {
    summary: 'A product with a vector',
    request: { model: { parameters: { a: { value: [1, 2] }, b: { value: 3 } }, forward: 'z = (a**2).sum()' }, loss: 'z * b', vector: { a: [1, 0], b: 0 } },
    response: { loss: 15, grad_fn: 'MulBackward0', gradients: { a: [6, 12], b: 5 }, product: { a: [6, 0], b: 2 } },
  },
}

const timing = { queue: 0.092, parse: 0.013, compile: 0.214, train: 0.045, step: 0.045 }

const trainExamples: Record<string, ExampleDoc> = {
  notebook: {
    summary: 'One step of gradient descent',
    request: { ...notebook, optimizer: { type: 'SGD', lr: 0.01 }, steps: 1 },
    response: { steps: [{ step: 1, loss: 1, lr: 0.01, grad_norm: 2, gradients: { w: -2 } }], state: { w: 1.02 }, status: 'succeeded', timing, memory_bytes: 34372 },
  },
  layers: {
    summary: 'Layers by name, from a given state; norms of the gradients instead of values',
    request: { ...layered, optimizer: { type: 'SGD', lr: 0.16 }, steps: 2, report: { gradients: 'norms' } },
    response: {
      steps: [
        { step: 1, loss: 1, lr: 0.16, grad_norm: 2.5, gradients: { '0.weight': 1.5, '0.bias': 2 } },
        { step: 2, loss: 0.25, lr: 0.16, grad_norm: 1.25, gradients: { '0.weight': 0.75, '0.bias': 1 } },
      ],
      state: { '0.weight': [[1, 1.36]], '0.bias': [0.48] },
      status: 'succeeded',
      timing: { ...timing, train: 0.09 },
      memory_bytes: 42756,
    },
  },
}

const validateExamples: Record<string, ExampleDoc> = {
  notebook: {
    summary: 'The notebook, with a shape in the place of data',
    request: { ...notebook, data: { x: { shape: [] }, y: 2.0 } },
    response: {
      operation: 'backward',
      variables: [{ name: 'y_hat', type: 'Tensor', ...scalar, requires_grad: true, pointer: '/model/forward', line: 1, column: 1 }],
      layers: [],
      parameters: [{ name: 'w', ...scalar, count: 1, requires_grad: true }],
      buffers: [],
      parameter_count: 1,
      trainable_count: 1,
      loss: { ...scalar, grad_fn: 'PowBackward0' },
      flops: { forward: 3, backward: 2, total: 5 },
      bytes: { forward: 16, backward: 4, total: 20 },
      memory_bytes: 1488,
      kernels: 1,
    },
  },
}

const validateDescription = `Takes a request of \`/v1/forward\`, \`/v1/backward\` or \`/v1/train\`, follows its program and plans its memory, and runs nothing. What is wrong is the problem that those would answer with. Data may be given by their shapes: \`{"shape": [64, 784], "dtype": "float32"}\`.

A condition on a tensor cannot be decided without running. It is assumed to hold the first time that it is met and not again, so that a branch is followed and the body of a loop once; \`conditions\` says where.`

const graphDescription = `Follows the program and returns its calls as a graph: functions, operators and layers as they were written, with what each tensor and its gradient are like.

With \`"format"\` the graph comes as text instead, under its own media type: \`dot\` (text/vnd.graphviz), \`mermaid\` (text/vnd.mermaid) or \`svg\` (image/svg+xml), drawn by Graphviz up to 1000 nodes.`

const exportDescription = `Writes a list of layers with its weights as an ONNX file (operator set 17), as it is in eval mode. Its input is named \`x\`, its output \`y_hat\`; parameters have their state_dict names.

Axes of \`dynamic_axes\` may have any size when the file runs. A layer that has no form in ONNX, and an axis whose size a layer depends on, are refused with \`not_exportable\`, the layer and the reason.`

const trainDescription = `Trains the model and returns the loss and the gradients of every step, then the final state.

Steps can be had as soon as they are done:

- with \`Accept: application/x-ndjson\` each step is a line of JSON (a TrainStep), and the last line holds the other fields of the answer;
- with \`Accept: text/event-stream\` each step is an event \`step\`, and the end an event \`done\`.

With \`Accept: application/octet-stream\` the answer is the final state alone, as a safetensors file; the headers \`Run-Status\`, \`Run-Steps\` and \`Run-Loss\` say how the run ended.

A problem that comes up after the first step is the last line, \`{"error": Problem}\`, or an event \`error\`. A client that goes away stops the work.`

export const operationDocs: Record<Operation, OperationDoc> = {
  forward: {
    operationId: 'forward',
    tag: 'Compute',
    summary: 'Forward pass',
    description: 'Computes the loss and variables of the forward pass.',
    request: requestSchemas.forward,
    answers: { 200: { description: 'The loss and the asked variables', content: { 'application/json': forwardResponse } } },
    problems,
    examples: forwardExamples,
  },
  backward: {
    operationId: 'backward',
    tag: 'Compute',
    summary: 'Forward and backward pass',
    description: 'Computes the loss and its gradients. A parameter that the loss does not depend on has gradient zeros.',
    request: requestSchemas.backward,
    answers: { 200: { description: 'The loss and the gradients', content: { 'application/json': backwardResponse } } },
    problems,
    examples: backwardExamples,
  },
  graph: {
    operationId: 'graph',
    tag: 'Compute',
    summary: 'The calls of a program as a graph',
    description: graphDescription,
    request: requestSchemas.graph,
    // One media type, as with the streams of training: the drawn forms are told in words.
    answers: { 200: { description: 'The graph', content: { 'application/json': graphResponse } } },
    problems: problems.filter((status) => status !== 406),
    examples: graphExamples,
  },
  hessian: {
    operationId: 'hessian',
    tag: 'Compute',
    summary: 'Second derivatives',
    description: 'Computes the Hessian of the loss with respect to parameters; with `vector` its product with that, which costs about two backward passes whatever the number of parameters. Inputs are followed as in `/v1/backward`.',
    request: requestSchemas.hessian,
    answers: { 200: { description: 'The loss, its gradients and the second derivatives', content: { 'application/json': hessianResponse } } },
    problems,
    examples: hessianExamples,
  },
  export: {
    operationId: 'export',
    tag: 'Compute',
    summary: 'A model as an ONNX file',
    description: exportDescription,
    request: requestSchemas.export,
    answers: { 200: { description: 'The file', content: { 'application/octet-stream': 'bytes' } } },
    problems,
  },
  validate: {
    operationId: 'validate',
    tag: 'Compute',
    summary: 'What a request would do, without running it',
    description: validateDescription,
    request: requestSchemas.validate,
    answers: { 200: { description: 'Shapes, parameters, arithmetic and memory', content: { 'application/json': validateResponse } } },
    problems,
    examples: validateExamples,
  },
  train: {
    operationId: 'train',
    tag: 'Compute',
    summary: 'Gradient-descent steps',
    description: trainDescription,
    request: requestSchemas.train,
    answers: {
      // One media type: generated clients then know the answer's type. The streamed forms are told in words.
      200: { description: 'The steps and the final state', content: { 'application/json': trainResponse } },
    },
    problems,
    examples: trainExamples,
  },
}
