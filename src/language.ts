/** docs/language.md: the language and all that a request can name, from the tables that do it. */
import type { Construct, FunctionEntry } from '../engine/index.ts'
import { expressions, families, foreign, mathConstants, statements, tensorAttributes } from '../engine/index.ts'
import type { JsonSchema, TypeEntry } from './catalogue.ts'
import { catalogue } from './catalogue.ts'

const intro = `# The language

This page is written by \`npm run language\` from the tables that the service works with; \`GET /v1/capabilities\` gives them as JSON.

A program (\`model.forward\`, \`loss\`) is Python syntax with PyTorch's names and meaning. It is read by this service and never run as Python. It is followed once, with the shapes at hand: loops are unrolled, functions entered, conditions on numbers and shapes decided. A condition on a tensor is decided by its value: [conditions on tensors](control-flow.md). Tensors change as PyTorch's do, with their views: [changes in place](in-place.md).

Data, parameters and modules of the request are variables of the program. \`torch\`, \`F\` (torch.nn.functional), \`nn\`, \`math\` and Python's functions below are there without an import.`

const constants = Object.keys(mathConstants).map((name) => `math.${name}`)

/** The whole page. */
export function languageText(): string {
  const { functions, refused_functions: refused, layers, losses, optimizers, schedulers, inits, metrics, dtypes } = catalogue()
  const sections = [
    intro,
    `## Statements\n\n${constructs(statements)}`,
    `## Expressions\n\n${constructs(expressions)}`,
    `## What is not in the language\n\n${[...new Set(Object.values(foreign))].map((text) => `- ${text}`).join('\n')}\n- assignment to attributes\n- names with two underscores; import of anything but torch and math`,
    `## Tensors\n\nDtypes:\n\n${pairs(dtypes)}\n\nNumbers without a dtype take that of the request. Dtypes of operands are promoted as PyTorch promotes them.\n\nConstants: ${constants.map(quoted).join(', ')}, and \`float('inf')\`.\n\nAttributes:\n\n${pairs(Object.entries(tensorAttributes).map(([name, doc]) => ({ name, doc })))}`,
    `## Functions\n\nEach with the places that it can be called from: \`torch.f(x)\`, \`F.f(x)\`, \`x.f()\` (Tensor), \`torch.linalg.f(x)\`, \`torch.special.f(x)\`, \`torch.autograd.f(x)\`, \`math.f(x)\`, or by its name alone (builtin). Where there are several signatures, the first that fits is taken. NumPy's names of arguments (\`axis\`, \`keepdims\`) are taken too; \`out\`, \`device\` and other arguments that say where a result lies change nothing.`,
    ...families.flatMap((family) => familySection(family, functions)),
    `### Refused\n\nFunctions of torch and Python that a program cannot call, and why; the error has the code that is named.\n\n${refused.map(({ name, also, code, reason }) => `- ${[name, ...also].map(quoted).join(', ')}: ${reason} (\`${code}\`)`).join('\n')}`,
    `## Layers\n\nIn \`model.layers\` and \`model.modules\`: [layers](layers.md). Those without parameters also in a program: \`nn.ReLU()(x)\`.\n\n${types(layers, ({ call }) => (call === '(input: Tensor)' ? '' : ` Called with \`${call}\`.`))}`,
    `## Losses\n\nAs \`loss\` of a request, or in a program: [losses](losses.md). \`inputs\` names other variables than those that a class is applied to.\n\n${types(losses, ({ applied_to: inputs }) => ` Of ${inputs.map(quoted).join(', ')}.`)}`,
    `## Optimizers\n\nAll but LBFGS also take \`groups\`, options of their own for some parameters: [training](training.md).\n\n${types(optimizers)}`,
    `## Schedulers\n\nThey step with each step of the optimizer, or with \`"every": "epoch"\` at the end of an epoch.\n\n${types(schedulers)}`,
    `## Initialisations\n\nOf parameters: \`{"shape": [3, 4], "init": {"type": "xavier_uniform"}}\`.\n\n${types(inits)}`,
    `## Metrics\n\nOf a validation: [training](training.md).\n\n${pairs(metrics)}`,
  ]
  return `${sections.join('\n\n')}\n`
}

function quoted(name: string): string {
  return `\`${name}\``
}

function constructs(rows: readonly Construct[]): string {
  return rows.map(({ name, example, note }) => `**${name}**${note === undefined ? '' : `: ${note}`}\n\n\`\`\`python\n${example.join('\n')}\n\`\`\``).join('\n\n')
}

function pairs(rows: readonly { readonly name: string; readonly doc: string }[]): string {
  return rows.map(({ name, doc }) => `- ${quoted(name)}: ${doc}`).join('\n')
}

function familySection(family: string, functions: readonly FunctionEntry[]): string[] {
  const own = functions.filter((entry) => entry.family === family)
  if (own.length === 0) return []
  const lines = own.map(({ name, also, homes, signatures, doc }) => `- ${[name, ...also].map(quoted).join(', ')} (${homes.join(', ')}): ${doc}<br>${signatures.map(quoted).join('<br>')}`)
  return [`### ${family.charAt(0).toUpperCase()}${family.slice(1)}\n\n${lines.join('\n')}`]
}

function types<T extends TypeEntry>(entries: readonly T[], more: (entry: T) => string = () => ''): string {
  return entries
    .map((entry) => {
      const options = optionsOf(entry.schema)
      return `- ${quoted(entry.type)}: ${entry.doc}.${more(entry)}${options === '' ? '' : `<br>\`${options}\``}`
    })
    .join('\n')
}

/** What the page says of all at once. */
const told: ReadonlySet<string> = new Set(['type', 'groups', 'every', 'inputs'])

/** Options as a signature would have them: `lr: float = 0.001`. */
function optionsOf({ properties, required }: JsonSchema): string {
  const needed = required as readonly string[]
  return Object.entries(properties as Readonly<Record<string, JsonSchema>>)
    .filter(([name]) => !told.has(name))
    .map(([name, schema]) => `${name}: ${typeOf(schema)}${'default' in schema ? ` = ${python(schema['default'])}` : needed.includes(name) ? '' : ' = None'}`)
    .join(', ')
}

const typeNames: Readonly<Record<string, string>> = { integer: 'int', number: 'float', boolean: 'bool', string: 'str', null: 'None', object: 'dict' }

/** A schema as Python's annotations say it. */
function typeOf(schema: JsonSchema): string {
  const { type, enum: words, anyOf, oneOf, const: constant, items, $ref: target, prefixItems, properties } = schema
  if (typeof target === 'string') return target.slice(target.lastIndexOf('/') + 1)
  if (constant !== undefined) return python(constant)
  if (Array.isArray(words)) return words.map(python).join(' | ')
  const choices = anyOf ?? oneOf
  if (Array.isArray(choices)) return [...new Set(choices.map((choice) => typeOf(choice as JsonSchema)))].join(' | ')
  if (Array.isArray(prefixItems)) return `(${prefixItems.map((item) => typeOf(item as JsonSchema)).join(', ')})`
  if (Array.isArray(type)) return type.map((name) => typeNames[String(name)] ?? String(name)).join(' | ')
  if (type === 'array') return `list of ${typeOf((items ?? {}) as JsonSchema)}`
  const named = (properties as Readonly<Record<string, JsonSchema>> | undefined)?.['type']?.['const']
  return typeof named === 'string' ? named : (typeNames[String(type)] ?? 'object')
}

/** A value of JSON as Python writes it. */
function python(value: unknown): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return `'${value}'`
  return Array.isArray(value) ? `[${value.map(python).join(', ')}]` : JSON.stringify(value)
}
