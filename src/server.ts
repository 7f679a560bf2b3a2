/** The process: settings, listening, signals, closing. */
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'
import { keepTicks, reclaimAll } from './reclaim.ts'

const [major] = process.versions.node.split('.').map(Number)
if (major! < 26) {
  process.stderr.write(`chainrule needs Node 26 or newer, this is ${process.version}. "npm ci" brings one: start with "npm start".\n`)
  process.exit(1)
}

/** How long after the start nothing that belongs to it goes on any more. */
const settledMs = 3000

async function main(): Promise<void> {
  keepTicks()
  const config = readConfig(process.env)
  const app = await buildApp({ config })
  let closing = false
  const shutDown = (signal: string): void => {
    if (closing) return
    closing = true
    app.log.info({ signal }, 'shutting down')
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        app.log.error({ err: error }, 'shutting down failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => shutDown('SIGTERM'))
  process.on('SIGINT', () => shutDown('SIGINT'))
  const address = await app.listen({ host: config.HOST, port: config.PORT })
  process.stdout.write(`chainrule listens on ${address}. Try:

curl -s ${address}/v1/train -H 'content-type: application/json' -d '{"model":{"parameters":{"w":{"value":1.0}},"forward":"y_hat = w * x"},"loss":"(y_hat - y)**2","data":{"x":1.0,"y":2.0},"optimizer":{"type":"SGD","lr":0.01},"steps":3}'

`)
  // What the start needed is not needed any more. The worker has given its part back by then.
  setTimeout(reclaimAll, settledMs).unref()
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
