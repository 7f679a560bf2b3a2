/** All of torch's functions: importing this fills the table of define.ts. */
import './activations.ts'
import './autograd.ts'
import './builtins.ts'
import './creation.ts'
import './elementwise.ts'
import './losses.ts'
import './products.ts'
import './reductions.ts'
import './shaping.ts'

export { callFunction, findFunction, functionNames, signatureText } from './define.ts'
export type { Home, TorchFunction } from './define.ts'
