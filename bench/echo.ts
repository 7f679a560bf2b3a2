/** A bare Fastify route that sends the JSON back that it got: what HTTP alone costs. */
import fastify from 'fastify'

const app = fastify()
app.post('/v1/train', (request, reply) => reply.send(request.body))
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)
