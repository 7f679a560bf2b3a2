/** All losses: importing this adds torch's loss functions to the table. */
import './ctc.ts'

export { binaryCrossEntropy, bceWithLogits, klDiv, multilabelSoftMarginLoss, softMarginLoss } from './binary.ts'
export { crossEntropy, nllLoss } from './classification.ts'
export { hingeEmbeddingLoss } from './embedding.ts'
export { multiMarginLoss, multilabelMarginLoss } from './margins.ts'
export { huberLoss, l1Loss, mseLoss, poissonNllLoss, smoothL1Loss } from './regression.ts'
