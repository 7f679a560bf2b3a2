/** Calls of the service: training with its steps as they come, and a forward pass. */

export interface Step {
  readonly step: number
  readonly loss: number
  readonly grad_norm: number
  /** Loss and metrics on rows that were held back, where their turn has come. */
  readonly validation?: Readonly<Record<string, number>>
}

export interface Trained {
  readonly status: 'succeeded' | 'diverged'
  readonly state: Readonly<Record<string, unknown>>
}

/** Posts a training request and gives each step to `onStep` as soon as it is there. */
export async function train(url: string, request: object, onStep: (step: Step) => void): Promise<Trained> {
  const response = await post(new URL('/v1/train', url), request, 'application/x-ndjson')
  let last: Trained | undefined
  for await (const line of linesOf(response.body!)) {
    const item = JSON.parse(line) as Step | Trained | { error: { detail: string } }
    if ('error' in item) throw new Error(item.error.detail)
    if ('status' in item) last = item
    else onStep(item)
  }
  if (!last) throw new Error('the answer ended too early')
  return last
}

export async function forward(url: string, request: object): Promise<Readonly<Record<string, unknown>>> {
  const response = await post(new URL('/v1/forward', url), request, 'application/json')
  return ((await response.json()) as { outputs: Record<string, unknown> }).outputs
}

async function post(url: URL, request: object, accept: string): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', accept }, body: JSON.stringify(request) })
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  return response
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}
