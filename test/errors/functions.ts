/** Calls that functions refuse: one for each message. Beside the names of programs.ts they read tensors of other shapes and dtypes. */
import { otherCalls } from './calls/methods.ts'
import { nnCalls } from './calls/nn.ts'
import { torchCalls } from './calls/torch.ts'

export const functionCalls: readonly string[] = [...nnCalls, ...torchCalls, ...otherCalls]
