/** A TypeScript client is generated from openapi.yaml, compiled, and talks to the service. */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { useService } from './service.ts'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('./client', import.meta.url))
const require = createRequire(join(folder, 'package.json'))

/** The file that a package of the client's folder runs as a command. */
function command(name: string, file: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), file)
}

const service = useService({ WORKERS: '1' })

it('generated, compiled, run', async () => {
  await run(process.execPath, [command('openapi-typescript', 'bin/cli.js'), '../../openapi.yaml', '-o', 'schema.d.ts'], { cwd: folder })
  await run(process.execPath, [command('typescript', 'bin/tsc'), '-p', '.'], { cwd: folder })
  const { stdout } = await run(process.execPath, ['client.ts'], { cwd: folder, env: { ...process.env, CHAINRULE_URL: service.url } })
  expect(JSON.parse(stdout)).toEqual({
    forward: { loss: 1, grad_fn: 'PowBackward0', outputs: { y_hat: 1 } },
    gradient: -2,
    steps: 5,
    lossOfFirstStep: expect.any(Number),
    status: 'succeeded',
    lossOfSavedState: 0.96040004,
    exported: true,
    code: 'unknown_name',
    line: 1,
    ready: 'ready',
  })
})
