#!/usr/bin/env python3
"""Makes grad_fn.json: what PyTorch calls grad_fn of the results of many calls.  python3 test/golden/grad_fn.py

Not among them: what PyTorch has no derivative for, and copies that PyTorch makes where strides ask for them (x.T.contiguous()).
"""
import json
import os
import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

PARAMETERS = {
    "s": torch.tensor(0.7),
    "v": torch.tensor([0.2, 0.4, 0.9]),
    "a": torch.tensor([[0.3, 0.5, 0.8], [0.1, 0.6, 0.2]]),
    "b": torch.tensor([[0.4, 0.1, 0.7], [0.9, 0.3, 0.5]]),
    "m": torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]),
    "t": torch.arange(12.0).reshape(2, 2, 3) / 12 + 0.05,
}
DATA = {"i": torch.tensor([1, 0]), "j": torch.tensor([[0, 1, 1]]), "k": torch.tensor([[True, False, True]]), "d": torch.tensor([[0.5, 0.25, 0.25], [0.3, 0.3, 0.4]])}

PROGRAMS = """
a + b | a + 1 | 2 + a | a - b | 1 - a | a * b | a * 2 | a / b | 1 / a | a ** 2 | a ** b | 2 ** a | -a | +a | a % 0.3
a @ m | v @ v | a @ v | v @ m | t @ m | t @ t.mT | v @ t.mT
a > b | a == b | a.detach() | a.data
torch.add(a, b, alpha=2) | torch.sub(a, b) | torch.rsub(a, b) | a.mul(b) | a.div(b) | a.div(b, rounding_mode='floor') | a.div(b, rounding_mode='trunc')
a.pow(2) | a.pow(b) | torch.pow(2, a) | a.square() | a.abs() | a.neg() | a.sign() | a.exp() | a.exp2() | a.expm1() | a.log() | a.log2() | a.log10() | a.log1p()
a.sqrt() | a.rsqrt() | a.reciprocal() | a.sin() | a.cos() | a.tan() | a.atan() | a.sinh() | a.cosh() | a.tanh() | a.sigmoid() | a.erf()
torch.atan2(a, b) | torch.hypot(a, b) | torch.logaddexp(a, b) | torch.xlogy(a, b) | torch.lerp(a, b, 0.3) | torch.lerp(a, b, a)
torch.maximum(a, b) | torch.minimum(a, b) | torch.fmod(a, b) | torch.fmod(a, 0.3) | torch.remainder(a, b) | torch.remainder(a, 0.3)
a.floor() | a.ceil() | a.round() | a.trunc() | a.frac()
a.clamp(0.2, 0.5) | a.clamp(min=0.2) | a.clamp(b, b + 1) | a.clamp(min=b) | torch.where(a > 0.4, a, b) | torch.where(a > 0.4, a, 0.5) | a.masked_fill(k, 0.0) | a.nan_to_num()
a.sum() | a.sum(0) | a.sum(dim=(0, 1)) | a.sum(dim=1, keepdim=True) | a.mean() | a.mean(1) | a.amax(1) | a.amin() | a.max() | a.min() | a.max(1).values | a.min(1)[0] | torch.max(a, b) | torch.min(a, b)
a.argmax() | a.logsumexp(1) | a.var() | a.var(1) | a.std() | a.std(0) | a.norm() | a.norm(dim=1) | a.norm(p=1, dim=1) | torch.linalg.norm(a) | torch.linalg.vector_norm(a) | a.prod() | a.prod(1) | a.cumsum(1)
a.softmax(1) | F.softmax(a, dim=1) | F.log_softmax(a, dim=1) | a.log_softmax(0) | F.softmin(a, dim=1)
F.relu(a) | a.relu() | F.relu6(a) | F.leaky_relu(a) | F.elu(a) | F.selu(a) | F.celu(a) | F.gelu(a) | F.gelu(a, approximate='tanh') | F.silu(a) | F.mish(a) | F.softplus(a) | F.softsign(a)
F.hardtanh(a) | F.hardsigmoid(a) | F.hardswish(a) | F.logsigmoid(a) | F.tanhshrink(a) | F.softshrink(a) | F.hardshrink(a) | F.threshold(a, 0.3, 0.0) | torch.sigmoid(a) | torch.tanh(a) | F.tanh(a) | F.sigmoid(a)
torch.matmul(a, m) | torch.matmul(v, v) | a.matmul(v) | v.matmul(m) | t.matmul(m) | torch.mm(a, m) | torch.bmm(t, t.mT) | torch.mv(a, v) | torch.dot(v, v) | torch.outer(v, v) | torch.addmm(b, a, m @ a)
F.linear(a, m.T) | F.linear(a, m.T, v[:2]) | F.linear(t, m.T) | F.linear(t, m.T, v[:2]) | F.linear(v, m.T) | F.linear(v, m.T, v[:2])
a.reshape(3, 2) | a.view(6) | a.view_as(m) | a.reshape_as(m) | a.flatten() | t.flatten(1) | v.flatten() | a.ravel() | a.unflatten(1, (3, 1)) | s.unsqueeze(0).squeeze() | s.unsqueeze(0).squeeze(0) | a.unsqueeze(1) | a.T | a.mT | a.t() | t.permute(2, 0, 1) | a.transpose(0, 1) | t.movedim(0, 2)
v.expand(2, 3) | v.expand_as(a) | v.broadcast_to(2, 3) | a.repeat(2, 1) | a.flip(0) | a.roll(1) | a.roll(1, 0)
torch.cat([a, b]) | torch.stack([a, b]) | a.split(1)[0] | a.split([1, 2], dim=1)[1] | a.chunk(3, dim=1)[0] | a.unbind(0)[1] | a.select(0, 1) | a.narrow(1, 0, 2) | a.index_select(1, i) | a.gather(1, j) | F.embedding(i, m)
a[0] | a[:, 1] | a[0, 1] | a[:1] | a[:, 1:] | a[...] | a[:] | a[None] | a[:, None] | a[i] | a[:, i] | a[i, i] | a[None, 0] | a[0, :] | a[0:1, 0] | a[i][0] | a[..., 0]
a.float() | a.to(torch.float32) | a.clone() | a.contiguous() | a.long() | a.double()
F.mse_loss(a, b) | F.mse_loss(a, b, reduction='sum') | F.l1_loss(a, b) | F.l1_loss(a, b, reduction='none') | F.smooth_l1_loss(a, b) | F.huber_loss(a, b) | F.cross_entropy(a, i) | F.cross_entropy(a, i, reduction='sum') | F.cross_entropy(a, d) | F.cross_entropy(a, d, reduction='sum') | F.cross_entropy(a, i, label_smoothing=0.1) | F.nll_loss(a, i)
F.binary_cross_entropy(a, d) | F.binary_cross_entropy_with_logits(a, d) | F.binary_cross_entropy_with_logits(a, d, reduction='sum') | F.kl_div(a, d) | F.kl_div(a, d, reduction='sum') | F.kl_div(a, d, reduction='none') | F.kl_div(a, d, reduction='batchmean')
a % b | 2 - a | 2 * a | a - 2 | a / 2 | a + True | a ** 0.5 | a ** s | s ** a | v @ t.mT | t @ v | m.T @ v
a.true_divide(b) | a.divide(2) | torch.div(1, a) | a.multiply(2) | a.subtract(b) | torch.sub(1, a) | torch.rsub(a, 1) | a.negative() | a.absolute() | a.fix() | a.sgn() | a.arctan() | a.clip(0.2, 0.5) | a.clip(b, b + 1) | a.clamp(max=0.5) | torch.where(a > 0.4, 0.5, a) | torch.masked_fill(a, k, 0.5) | a.masked_fill(k, s) | torch.lerp(a, b, s)
torch.xlogy(a, 2) | torch.xlogy(2, a) | torch.maximum(a, s) | a.max(b) | a.min(b) | a.max(dim=1, keepdim=True).values | a.max(0)[0]
a.nansum() | a.nansum(1) | a.nanmean() | a.nanmean(1) | a.sum(-1) | a.sum(()) | a.mean((0, 1)) | a.amax((0, 1)) | a.amin(0, True) | a.var(0, unbiased=False) | a.var(False) | a.std((0, 1)) | a.std(unbiased=False) | torch.var_mean(a)[0] | torch.var_mean(a, 1)[1] | torch.std_mean(a)[0] | torch.std_mean(a, 1)[1]
a.logsumexp((0, 1)) | a.logsumexp(-1, keepdim=True) | a.norm(1) | a.norm(2) | a.norm(p=2, dim=1) | a.norm(p=2, dim=1, keepdim=True) | a.norm('fro') | a.norm('fro', dim=(0, 1)) | a.norm(float('inf')) | a.norm(dim=(0, 1)) | torch.norm(a) | torch.norm(a, dim=1) | torch.norm(a, 1, 1) | v.norm()
torch.linalg.norm(a, -1) | torch.linalg.norm(a, 1, dim=1) | torch.linalg.norm(a, 1, dim=(0, 1)) | a.norm(2, (0, 1)) | a.sum(dim=None) | torch.linalg.norm(v) | torch.linalg.norm(a, dim=1) | torch.linalg.norm(a, 1) | torch.linalg.norm(a, float('inf')) | torch.linalg.norm(a, 'fro') | torch.linalg.vector_norm(a, 1) | torch.linalg.vector_norm(a, 3, dim=1) | torch.linalg.matrix_norm(a) | torch.linalg.matrix_norm(a, 1) | torch.linalg.matrix_norm(a, float('inf')) | torch.linalg.matrix_norm(a, 2) | torch.linalg.matrix_norm(a, -2, keepdim=True) | torch.linalg.matrix_norm(a, 'nuc') | torch.linalg.norm(a, 'nuc', keepdim=True) | torch.linalg.norm(a, -2) | a.norm('nuc') | torch.norm(t, 'nuc', dim=(0, 2), keepdim=True) | torch.linalg.svdvals(a) | torch.linalg.cond(a) | torch.linalg.cond(a, -2) | torch.linalg.cond(a @ m, 1) | torch.linalg.cond(a @ m, 'nuc') | torch.linalg.cond(a @ m, 'fro')
a.cumprod(1) | a.cummax(1).values | a.cummin(0)[0] | a.logcumsumexp(1) | a.diff() | a.diff(dim=0) | a.diff(n=2) | torch.trapezoid(a) | torch.trapezoid(a, b) | torch.trapezoid(a, dx=2.0) | torch.trapz(a, dim=0) | torch.cumulative_trapezoid(a) | torch.cumulative_trapezoid(a, b) | torch.cov(a) | torch.corrcoef(a) | torch.cov(v) | torch.corrcoef(v)
a.sort().values | a.sort(0)[0] | a.msort() | a.topk(2)[0] | a.kthvalue(2)[0] | a.mode().values | a.median() | a.median(1).values | a.nanmedian() | a.nanmedian(0)[0] | a.quantile(0.3) | a.quantile(0.3, 1) | a.quantile(v, 0) | a.nanquantile(0.3) | a.argsort() | a.sum(axis=1, keepdims=True) | a.max(axis=0)[0]
F.prelu(a, s.reshape(1)) | F.glu(t[:, :, :2]) | torch.selu(a) | torch.celu(a) | F.rrelu(a) | F.rrelu(a, training=True) | F.softmax(a) | torch.softmax(a, 1) | torch.log_softmax(a, 1) | a.hardshrink() | F.relu(a, inplace=False) | torch.relu(a) | torch.threshold(a, 0.3, 0.0) | F.elu(a, 2.0) | F.hardtanh(a, 0.2, 0.5) | F.softplus(a, 2.0) | a.prelu(s.reshape(1))
F.dropout(a) | F.dropout(a, 0.5, False) | F.dropout(a, 0.0) | F.dropout1d(a) | F.dropout1d(t) | F.dropout2d(t.unsqueeze(0)) | F.dropout3d(t.unsqueeze(0).unsqueeze(0)) | F.alpha_dropout(a, training=True) | F.feature_alpha_dropout(t, training=True) | torch.feature_dropout(t, 0.5, True) | torch.dropout(a, 0.5, True) | torch.alpha_dropout(a, 0.5, True) | F.gumbel_softmax(a) | F.gumbel_softmax(a, hard=True) | torch.bernoulli(a) | a.bernoulli(0.5) | torch.normal(a, 0.5) | torch.normal(0.0, a) | torch.normal(a, b)
torch.tensor([1.0, 2.0]) | a.new_zeros(2) | torch.full_like(a, 2.0) | a.sign().detach() | a.argmax(1) | a.isnan() | F.one_hot(i, 2) | a.max(1).indices | a.bool() | a.all() | a.count_nonzero() | torch.rand_like(a)
t.reshape(2, 6) | t.reshape(-1) | t.view(2, -1) | t.flatten(1, 2) | t.flatten(0, 1) | s.flatten() | s.reshape(1) | v.ravel() | t.mT.ravel() | t.unflatten(2, (3, 1)) | t.unflatten(-1, (1, 3)) | a.squeeze() | t[:, :1].squeeze(1) | t[:, :1].squeeze() | a.unsqueeze(-1) | a.mT | t.mT | v.T | t.permute((1, 0, 2)) | torch.permute(t, (1, 0, 2)) | t.swapaxes(0, 1) | t.swapdims(0, 2) | t.moveaxis(0, 1) | t.movedim((0, 1), (1, 0)) | v.t()
a.tile(2) | a.repeat_interleave(2, 1) | a.repeat_interleave(2) | a.fliplr() | a.flipud() | a.rot90() | a.rot90(2) | t.rot90(1, (0, 2)) | a.H | a.mH | a.adjoint() | a.swapaxes(0, 1)
torch.hstack((a, b)) | torch.vstack((a, v)) | torch.dstack((a, b)) | torch.column_stack((a, b)) | torch.atleast_2d(v) | torch.atleast_1d(v) | torch.atleast_3d(a) | torch.atleast_1d(s) | torch.atleast_2d(s) | torch.atleast_3d(v) | torch.block_diag(a, b) | torch.broadcast_tensors(a, v)[1]
torch.meshgrid(v, v, indexing='ij')[0] | torch.meshgrid(v, v, indexing='xy')[1] | torch.cartesian_prod(v, v) | torch.combinations(v) | torch.cartesian_prod(v)
a.split_with_sizes((1, 1)) [0] | a.tensor_split(2)[1] | a.tensor_split((1,), 1)[0] | a.hsplit(3)[0] | a.vsplit(2)[0] | t.dsplit(3)[1] | v.hsplit((1,))[1] | a.take(i) | a.take_along_dim(j, 1) | a.take_along_dim(j)
a.scatter(1, j, b) | a.scatter(1, j, 0.5) | a.scatter_add(1, j, b) | a.scatter_reduce(1, j, b, 'amax') | a.index_add(0, i, b) | a.index_copy(0, i, b) | a.index_fill(0, i, 0.5) | a.index_fill(0, i, s) | a.index_reduce(0, i, b, 'prod') | a.select_scatter(v, 0, 1) | a.masked_scatter(k, b)
t.flatten(1, 1) | a.flatten(1) | a.split([2])[0] | a.squeeze(0) | a.expand(2, 2, 3) | a.broadcast_to(2, 2, 3) | torch.broadcast_to(v, (2, 3)) | a.expand(2, 3) | a.roll((1, 1), (0, 1)) | a.flip((0, 1)) | torch.cat([a, b], dim=1) | torch.concat([a, b]) | torch.stack([a, b], 1) | a.split(2, 1)[0] | torch.split(a, [1, 2], 1)[0] | a.chunk(2)[1] | torch.unbind(a, 1)[0] | t.chunk(2, -1)[0]
v[0:3] | t[0, 0, 0:3] | a[0:2, 0:3] | a[0, 0:3] | a[i, :] | a[i, None] | a[:, [0, 2]] | a[1:, ::2] | a[-1] | t[..., 1] | t[0, :, 1] | t[:, i, i] | t[None, ..., 0] | a[:, :] | a[0:2] | t[0][1] | a[None, None] | s[None] | s[...] | a[:, None, :] | t[:, :, 0:3] | t[1:, 0] | t[0, 0, 0] | v[0] | v[-2:]
a.type(torch.float32) | a.to(torch.float64) | a.to(b) | a.type_as(b) | a.to(torch.int64)
F.mse_loss(a, b, reduction='none') | F.l1_loss(a, b, reduction='sum') | F.smooth_l1_loss(a, b, beta=0.0) | F.huber_loss(a, b, reduction='sum') | F.cross_entropy(a, i, reduction='none') | F.cross_entropy(a, d, reduction='none') | F.cross_entropy(a, i, label_smoothing=0.1, reduction='sum') | F.cross_entropy(a, i, label_smoothing=0.1, reduction='none') | F.cross_entropy(t, j.expand(2, 3) * 0) | F.nll_loss(a, i, reduction='none') | F.nll_loss(t, j.expand(2, 3) * 0) | F.nll_loss(t.unsqueeze(3), j.expand(2, 3).unsqueeze(2) * 0) | F.binary_cross_entropy(a, d, reduction='none') | F.binary_cross_entropy_with_logits(a, d, reduction='none') | F.binary_cross_entropy_with_logits(a, d, pos_weight=d[0]) | F.binary_cross_entropy_with_logits(a, d, weight=d[0]) | F.kl_div(a, d, log_target=True) | F.kl_div(a, d, log_target=True, reduction='none') | F.cross_entropy(v, i[0]) | F.nll_loss(v, i[0])
v @ t.mT | F.linear(t, v) | F.linear(a, v) | F.dropout3d(t.unsqueeze(0)) | F.nll_loss(t, j.expand(2, 3) * 0, reduction='none') | F.linear(t.unsqueeze(0), m.T, v[:2]) | F.linear(t.unsqueeze(0), m.T) | t.unsqueeze(0) @ m | torch.addmm(s, a, m) | torch.addmm(b, a, m @ a, beta=2) | torch.outer(v, v) | v.ger(v) | t.bmm(t.mT) | t @ t.mT @ t | t.matmul(v) | m.T.matmul(m) | v.dot(v)
F.poisson_nll_loss(a, b, reduction='mean') | F.poisson_nll_loss(a, b, reduction='sum') | F.poisson_nll_loss(a, b, reduction='none') | F.poisson_nll_loss(a, b, full=True, reduction='mean') | F.poisson_nll_loss(a, b, full=True, reduction='sum') | F.poisson_nll_loss(a, b, full=True, reduction='none') | F.gaussian_nll_loss(a, b, b, reduction='mean') | F.gaussian_nll_loss(a, b, b, reduction='sum') | F.gaussian_nll_loss(a, b, b, reduction='none') | F.gaussian_nll_loss(a, b, b, full=True, reduction='mean') | F.gaussian_nll_loss(a, b, b, full=True, reduction='sum') | F.gaussian_nll_loss(a, b, b, full=True, reduction='none') | F.hinge_embedding_loss(a, b, reduction='mean') | F.hinge_embedding_loss(a, b, reduction='sum') | F.hinge_embedding_loss(a, b, reduction='none') | F.margin_ranking_loss(a, b, a, reduction='mean') | F.margin_ranking_loss(a, b, a, reduction='sum') | F.margin_ranking_loss(a, b, a, reduction='none') | F.cosine_embedding_loss(a, b, i, reduction='mean') | F.cosine_embedding_loss(a, b, i, reduction='sum') | F.cosine_embedding_loss(a, b, i, reduction='none') | F.triplet_margin_loss(a, b, a, reduction='mean') | F.triplet_margin_loss(a, b, a, reduction='sum') | F.triplet_margin_loss(a, b, a, reduction='none') | F.triplet_margin_with_distance_loss(a, b, a, reduction='mean') | F.triplet_margin_with_distance_loss(a, b, a, reduction='sum') | F.triplet_margin_with_distance_loss(a, b, a, reduction='none') | F.soft_margin_loss(a, d, reduction='mean') | F.soft_margin_loss(a, d, reduction='sum') | F.soft_margin_loss(a, d, reduction='none') | F.multilabel_soft_margin_loss(a, d, reduction='mean') | F.multilabel_soft_margin_loss(a, d, reduction='sum') | F.multilabel_soft_margin_loss(a, d, reduction='none') | F.multi_margin_loss(a, i, reduction='mean') | F.multi_margin_loss(a, i, reduction='sum') | F.multi_margin_loss(a, i, reduction='none') | F.ctc_loss(t, i[:, None] * 0 + 1, (2, 2), (1, 1), reduction='mean') | F.ctc_loss(t, i[:, None] * 0 + 1, (2, 2), (1, 1), reduction='sum') | F.ctc_loss(t, i[:, None] * 0 + 1, (2, 2), (1, 1), reduction='none') | F.ctc_loss(t, i[:, None] * 0 + 1, (2, 2), (1, 1), reduction='mean', zero_infinity=True) | F.ctc_loss(t, i[:, None] * 0 + 1, (2, 2), (1, 1), reduction='sum', zero_infinity=True) | F.ctc_loss(t, i[:, None] * 0 + 1, (2, 2), (1, 1), reduction='none', zero_infinity=True) | F.ctc_loss(t[:, 0], i[:1], (2,), (1,), reduction='mean') | F.ctc_loss(t[:, 0], i[:1], (2,), (1,), reduction='sum') | F.ctc_loss(t[:, 0], i[:1], (2,), (1,), reduction='none') | F.multilabel_margin_loss(a[:1], j) | F.l1_loss(a, b, False) | F.l1_loss(a, b, reduce=False) | F.kl_div(a, d, None, True) | torch.kl_div(a, d, 2) | torch.margin_ranking_loss(a, b, a, 0.1, 1) | F.nll_loss(t, j.expand(2, 3) * 0, None, None, -100, False)
F.layer_norm(a, (3,)) | torch.layer_norm(a, (3,), v, v) | F.group_norm(t, 2) | F.batch_norm(a, None, None, training=True) | F.batch_norm(a, v.detach(), v.detach(), v, v) | F.instance_norm(t) | F.instance_norm(t, v[:2].detach(), v[:2].detach(), use_input_stats=False) | F.local_response_norm(t, 2) | F.normalize(a) | F.normalize(a, dim=(0, 1)) | F.cosine_similarity(a, b) | F.pairwise_distance(a, b) | F.pairwise_distance(a, b, keepdim=True)
F.embedding(i, m, padding_idx=0) | torch.embedding(m, i) | F.embedding_bag(i, m, i[:1] * 0) | F.embedding_bag(i[None], m, mode='max')
a.asin() | a.acos() | a.asinh() | (a + 1).acosh() | a.atanh() | a.arcsin() | torch.arctanh(a) | a.logit() | a.logit(0.3) | a.erfc() | a.erfinv() | a.sinc() | a.lgamma() | a.digamma() | a.polygamma(0) | a.polygamma(1) | torch.polygamma(2, a) | (a + 1).mvlgamma(2) | a.i0() | a.rad2deg() | a.deg2rad() | a.angle() | a.positive() | a.conj() | torch.real(a) | a.signbit() | a.isreal() | a.round(decimals=1)
torch.fmin(a, b) | torch.fmax(a, b) | a.arctan2(b) | torch.logaddexp2(a, b) | torch.copysign(a, b) | torch.copysign(a, 2.0) | torch.addcmul(a, b, b) | torch.addcdiv(a, b, b, value=2) | torch.ldexp(a, j) | a.float_power(2) | torch.float_power(a, b) | torch.float_power(2, a) | a.clamp_min(0.3) | a.clamp_max(0.3) | torch.clamp_min(a, b) | a.clamp_max(b) | torch.dist(a, b) | a.dist(b, 1) | torch.renorm(a, 2, 0, 0.1) | torch.isclose(a, b) | a.where(k, b) | torch.bucketize(a, v) | torch.isin(a, b) | i << 1
torch.special.erf(a) | torch.special.erfc(a) | torch.special.erfcx(a) | torch.special.erfinv(a) | torch.special.expit(a) | torch.special.exp2(a) | torch.special.expm1(a) | torch.special.log1p(a) | torch.special.logit(a) | torch.special.xlogy(a, b) | torch.special.xlogy(2, a) | torch.special.xlog1py(a, b) | torch.special.xlog1py(a, 2) | torch.special.xlog1py(2, a) | torch.special.gammaln(a) | torch.special.digamma(a) | torch.special.psi(a) | torch.special.polygamma(1, a) | torch.special.multigammaln(a + 1, 2) | torch.special.sinc(a) | torch.special.i0(a) | torch.special.i0e(a) | torch.special.i1(a) | torch.special.i1e(a) | torch.special.ndtr(a) | torch.special.ndtri(a) | torch.special.log_ndtr(a) | torch.special.entr(a) | torch.special.round(a) | torch.special.softmax(a, 0) | torch.special.log_softmax(a, 0) | torch.special.logsumexp(a, 0)
F.interpolate(t.unsqueeze(0), 2, mode='bilinear', antialias=True) | F.interpolate(t.unsqueeze(0), 2, mode='bicubic', antialias=True) | sum([a, b]) | abs(a) | torch.zeros(2) | torch.zeros_like(a)
"""


def name_of(expression):
    space = {"torch": torch, "F": F, **{key: value.clone().requires_grad_() for key, value in PARAMETERS.items()}, **DATA}
    out = eval(expression, space)
    if out.grad_fn is None:
        return "AccumulateGrad" if out.requires_grad else None
    return out.grad_fn.name()


def plain(value):
    return {"data": value.flatten().tolist(), "shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}


cases = {text.strip(): name_of(text.strip()) for line in PROGRAMS.strip().split("\n") for text in line.split(" | ")}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "grad_fn.json"), "w") as file:
    inputs = {"parameters": {key: {"value": plain(value)} for key, value in PARAMETERS.items()}, "data": {key: plain(value) for key, value in DATA.items()}}
    rows = ",\n".join(f"    {json.dumps(text)}: {json.dumps(name)}" for text, name in cases.items())
    file.write('{\n  "inputs": ' + json.dumps(inputs, separators=(",", ":")) + ',\n  "grad_fn": {\n' + rows + "\n  }\n}\n")
print(len(cases), "cases, PyTorch", torch.__version__)
