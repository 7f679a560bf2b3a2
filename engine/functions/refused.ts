/** Functions of torch whose result has a shape that depends on values: the reason, and what to use instead. */
import type { Home } from './define.ts'
import { family } from './define.ts'

const { refuse } = family('gathering and scattering')

const everywhere: readonly Home[] = ['torch', 'Tensor']

refuse(['nonzero', 'argwhere'], everywhere, 'how many places it gives depends on the values; multiply by the mask, or use torch.where(mask, a, b), topk or argmax')
refuse(['masked_select'], everywhere, 'how many elements it gives depends on the mask; multiply by the mask, or use torch.where(mask, a, b)')
refuse(['unique', 'unique_consecutive'], everywhere, 'how many elements it gives depends on the values; sort keeps them all, and torch.diff of what is sorted tells the new ones')
refuse(['bincount'], everywhere, 'its length depends on the values; use F.one_hot(x, num_classes).sum(0)')
