/** GET /: what this is, and where to go on. */
import type { FastifyInstance } from 'fastify'
import type { OperationDoc } from '../src/openapi.ts'
import { escapeHtml, page } from '../src/page.ts'
import { version } from '../src/version.ts'

const doc = async (): Promise<OperationDoc> => ({
  operationId: 'getHome',
  tag: 'Service',
  summary: 'What this service is',
  answers: { 200: { description: 'A short page', content: { 'text/html': 'text' } } },
  problems: [500],
})

const request = `curl -s localhost:3000/v1/train -H 'content-type: application/json' -d '{
  "model": { "parameters": { "w": { "value": 1.0 } }, "forward": "y_hat = w * x" },
  "loss": "(y_hat - y)**2",
  "data": { "x": 1.0, "y": 2.0 },
  "optimizer": { "type": "SGD", "lr": 0.01 },
  "steps": 3
}'`

export default async function homeRoute(app: FastifyInstance): Promise<void> {
  const text = page(
    'chainrule',
    `<p>Training over HTTP: send a model, a loss and data as JSON; get the loss and the gradients of every step back. The model is
PyTorch's own text, or its layers by name. Version ${version()}.</p>
<pre>${escapeHtml(request)}</pre>
<ul>
<li><a href="/docs">API documentation</a>, made from <a href="/openapi.yaml">openapi.yaml</a></li>
<li><a href="/errors">Error codes</a></li>
<li><a href="/health/ready">Health</a></li>
</ul>`,
  )
  app.get('/', { config: { api: doc } }, async (_request, reply) => reply.type('text/html; charset=utf-8').send(text))
}
