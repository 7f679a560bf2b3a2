/** All losses: importing this adds torch's loss functions to the table. */
import './binary.ts'
import './classification.ts'
import './ctc.ts'
import './embedding.ts'
import './margins.ts'
import './regression.ts'
