/** Calls whose arguments have to fit, on `e` [2, 4, 5, 6] and `f` [2, 4, 7]; words in capitals stand for a choice. */
export const choices: Readonly<Record<string, readonly string[]>> = {
  BOOL: ['True', 'False'], HALFD: ['1', '2', '(2, 1)'], HP: ['0', '1'], LOW: ['0', '1'], ONE: ['1', '2'], STEP: ['1', '2', '3'], PAD: ['0', '1', '2'], PAIR: ['1', '2', '(1, 2)', '(2, 1)', '(3, 2)'], HALF: ['0', '1', '(1, 0)'], SIZE: ['1', '2', '3', '(2, 3)'],
  GROUPS: ['1', '2', '4'], NUMBER: ['0.5', '1.0', '2.0', '0.1', '1.5', '3.0'], EPS: ['1e-5', '0.1'], ORDER: ['1', '2', '3', '1.5', "float('inf')"], AXIS: ['0', '1', '2', '-1', '-2'],
  REDUCE: ["'mean'", "'sum'", "'none'"], MODE: ["'reflect'", "'replicate'", "'circular'"], EDGE: ["'zeros'", "'border'", "'reflection'"], OUT: ['1', '2', '3', '4', '(3, None)', '(2, 5)'],
}

const square = '(e[0, :, :4, :4] + 6 * torch.eye(4))'
/** So that a matrix has no singular value of 0: its vectors would be anyone's choice. */
const apart = 'torch.sin(torch.arange(56.0).reshape(2, 4, 7) ** 2)'
const grid = 'torch.tanh(e.permute(0, 2, 3, 1)[..., :2])'
const labels = '(torch.arange(10).reshape(2, 5) % 4)'

export const templates: readonly string[] = [
  'F.conv1d(f, f[:, :, :3], stride=STEP, padding=PAD, dilation=STEP)', "F.conv1d(f, f[:, :, :4], f[0, :2, 0], padding='same')", 'F.conv1d(f, f[:, :1, :2], groups=2)' ,
  'F.conv2d(e, e[:, :, :3, :2], stride=PAIR, padding=PAD, dilation=HALFD)', 'F.conv2d(e, e[0][:, None, :2, :3], groups=4, stride=STEP)', 'F.conv2d(e, e[:, :2, :2, :2], e[0, :2, 0, 0], groups=2, padding=PAIR)',
  'F.conv3d(e[:, :2, None], e[:, :2, None, :2, :3], padding=(1, 0, 1))', 'F.conv_transpose1d(f, f[0][:, None, :3], stride=STEP, padding=HP)',
  'F.conv_transpose2d(e, e[0][:, None, :2, :3], stride=PAIR, padding=HALF, output_padding=0)', 'F.conv_transpose2d(e, e[0][:, None, :2, :2], stride=2, output_padding=HALF, groups=GROUPS)',
  'F.unfold(e, SIZE, padding=PAD, stride=PAIR)', 'F.fold(F.unfold(e, 2), (5, 6), 2)', 'f.unfold(AXIS, 2, STEP)',
  'F.max_pool1d(f, 2, STEP, ceil_mode=BOOL)', 'F.max_pool2d(e, 2, stride=PAIR, padding=HALF, ceil_mode=BOOL)', 'F.max_pool2d(e, (3, 2), return_indices=True)', 'F.max_pool3d(e[:, None], 2, stride=STEP, ceil_mode=BOOL)',
  'F.avg_pool1d(f, 3, STEP, HP, BOOL, BOOL)', 'F.avg_pool2d(e, 2, stride=PAIR, padding=HALF, ceil_mode=BOOL, count_include_pad=BOOL)', 'F.avg_pool2d(e, 3, divisor_override=STEP)', 'F.avg_pool3d(e[:, None], 2, count_include_pad=BOOL)',
  'F.lp_pool1d(f.abs() + 0.3, NUMBER, 2, ceil_mode=BOOL)', 'F.lp_pool2d(e.abs() + 0.3, NUMBER, 2, stride=STEP)',
  'F.adaptive_avg_pool1d(f, STEP)', 'F.adaptive_avg_pool2d(e, OUT)', 'F.adaptive_max_pool1d(f, STEP)', 'F.adaptive_max_pool2d(e, OUT, return_indices=True)', 'F.adaptive_avg_pool3d(e[:, None], STEP)',
  'F.pad(e, (1, 2, 0, 1), MODE)', 'F.pad(f, (2, 1), MODE)', 'F.pad(e, (-1, 2, 1, -1), value=NUMBER)',
  'F.interpolate(e, size=SIZE)', 'F.interpolate(e, scale_factor=NUMBER, mode=\'bilinear\', align_corners=BOOL)', 'F.interpolate(f, size=STEP, mode=\'linear\', align_corners=BOOL)', 'F.interpolate(e, size=SIZE, mode=\'bicubic\', align_corners=BOOL)',
  'F.interpolate(e, size=SIZE, mode=\'area\')', 'F.interpolate(e, SIZE, mode=\'bilinear\', align_corners=BOOL, antialias=BOOL)', 'F.interpolate(e, scale_factor=NUMBER, mode=\'bicubic\', antialias=True)', 'F.pixel_shuffle(e, 2)', 'F.pixel_unshuffle(e[:, :, :4], 2)',
  `F.grid_sample(e, ${grid}, padding_mode=EDGE, align_corners=BOOL)`, `F.grid_sample(e, 1.3 * ${grid}, 'nearest', EDGE, BOOL)`, 'F.affine_grid(e[:, 0, :2, :3], (2, 1, 3, 4), align_corners=BOOL)',
  'F.layer_norm(e, (5, 6), eps=EPS)', 'F.layer_norm(f, (7,), f[0, 0], f[1, 1])', 'F.group_norm(e, GROUPS, e[0, :, 0, 0], e[1, :, 0, 0])', 'F.batch_norm(e, None, None, training=True, eps=EPS)',
  'F.batch_norm(f, f[0, :, 0], f[1, :, 0].abs() + 0.5, training=False)', 'F.instance_norm(e, eps=EPS)', 'F.local_response_norm(e, STEP, alpha=NUMBER)', 'F.normalize(e, p=ORDER, dim=AXIS)', 'F.cosine_similarity(e, e.flip(0), dim=AXIS)',
  'F.pairwise_distance(f, f.flip(0), p=ORDER, keepdim=BOOL)', `F.embedding(${labels}, e[0, 0], padding_idx=STEP)`, `F.embedding_bag(${labels}, e[0, 0], mode='sum')`, `F.embedding_bag(${labels}, f[0], mode='mean')`, `F.embedding_bag(${labels}, f[0], mode='max')`,
  `F.cross_entropy(f.transpose(1, 2)[:, :5].flatten(0, 1), ${labels}.flatten(), reduction=REDUCE, label_smoothing=EPS)`, `F.nll_loss(F.log_softmax(f[:, :, :5], 1), ${labels}, reduction=REDUCE)`, 'F.cross_entropy(f, torch.softmax(f.flip(0), 1).detach(), reduction=REDUCE)',
  `F.multi_margin_loss(f[0, :, :4], torch.arange(4) % 3, p=ONE, reduction=REDUCE)`, 'F.triplet_margin_loss(f, f.flip(0), f.flip(1), p=2, reduction=REDUCE)', 'F.gaussian_nll_loss(f, f.flip(0), f.abs() + 0.5, full=BOOL, reduction=REDUCE)',
  'F.smooth_l1_loss(e, e.flip(0), beta=NUMBER, reduction=REDUCE)', 'F.huber_loss(e, e.flip(0), delta=NUMBER, reduction=REDUCE)', 'F.kl_div(F.log_softmax(f, 1), F.softmax(f.flip(0), 1), reduction=REDUCE, log_target=False)',
  'F.binary_cross_entropy_with_logits(f, torch.sigmoid(f.flip(0)), pos_weight=f[0].abs() + 0.5, reduction=REDUCE)', 'F.poisson_nll_loss(torch.tanh(f), f.abs(), log_input=True, full=BOOL, reduction=REDUCE)',
  `torch.linalg.inv(${square})`, `torch.linalg.solve(${square}, f[0, :, :3])`, `torch.linalg.det(${square}) * 0.01`, `torch.linalg.slogdet(${square})[1]`, `torch.linalg.cholesky(f[0] @ f[0].T + torch.eye(4))`, `torch.matrix_power(${square} * 0.1, 3)`,
  `torch.linalg.svdvals(f + ${apart} * 0.3)`, `torch.linalg.matrix_norm(f + ${apart}, 'nuc', dim=(LOW, 2))`, 'torch.linalg.norm(f, 2, (LOW, 2), BOOL)', `torch.norm((f + ${apart})[0], 'nuc')`, `torch.linalg.cond(${square})`,
  "torch.einsum('nchw,ncl->nhl', e, f)", "torch.einsum('nchw->cn', e)", "torch.einsum('bij,bkj->bik', f, f)", "torch.einsum('ii->i', e[0, :, :4, :4][0])", 'torch.tensordot(e, f, dims=([0, 1], [0, 1]))', 'torch.cdist(f, f.flip(1), p=NUMBER)', 'torch.kron(e[0, 0, :2], f[0, :2, :2])',
  'F.linear(e, e[0, 0], f[0, 0, :5])', 'F.bilinear(f[:, :, :5], f[:, :, :6], e[0], f[0, :, 0])', 'torch.baddbmm(f[:, :, :6], f[:, :, :4], f[:, :, :6], beta=NUMBER, alpha=NUMBER)',
  'F.softmax(e, AXIS)', 'F.log_softmax(e, AXIS)', 'torch.logsumexp(e, (LOW, -1))', 'torch.var_mean(e, AXIS, unbiased=BOOL)', 'e.std((0, 2), unbiased=BOOL, keepdim=BOOL)', 'torch.linalg.norm(f[0], ord=1)', 'torch.cumsum(f, AXIS)', 'torch.cumprod(f, AXIS)', 'torch.logcumsumexp(f, AXIS)', 'torch.cummax(f, AXIS)',
  'f.sort(AXIS)', 'f.sort(AXIS, descending=True)', 'f.median(AXIS)', 'torch.quantile(f, 0.3, dim=AXIS)', '(f + torch.arange(56).reshape(2, 4, 7) * 0.01370317).topk(2, AXIS)', 'torch.gather(f, 2, (f > 0).long())', 'torch.scatter_add(f, 1, (f.flip(0) > 0).long(), f)', 'torch.take_along_dim(f, f.argsort(1), 1)', 'f.index_add(1, torch.arange(4).flip(0), f, alpha=NUMBER)',
  'e.roll((1, 2), (0, -1))', 'torch.rot90(e, STEP, (1, 2))', 'e.unflatten(1, (2, 2))', 'e.movedim((0, 1), (-1, 0))', 'e.repeat_interleave(2, dim=AXIS)', 'torch.diff(f, n=ONE, dim=AXIS)', 'torch.trapz(f, dim=AXIS)', 'F.one_hot((f > 0).long(), 3)', 'f.where(f > 0, f.flip(0))', 'torch.lerp(f, f.flip(0), f.flip(1))', 'torch.addcmul(f, f.flip(0), f.flip(1), value=NUMBER)',
]
