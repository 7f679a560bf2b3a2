#!/usr/bin/env python3
"""Makes losses.json:  python3 test/golden/functions/losses.py"""
import math
import torch
from torch.nn import functional as F
from golden import Family

family = Family("losses")
add = family.add
REDUCTIONS = ("none", "mean", "sum")


def each(name, call, parameters, data=None, reference=None):
    """The case with every reduction; `call` holds R for it."""
    for how in REDUCTIONS:
        add(f"{name}/{how}", "out = " + call.replace("R", f"reduction='{how}'"), parameters, data, reference and (lambda how=how, **v: reference(how=how, **v)))


def reduced(losses, how):
    return losses if how == "none" else losses.mean() if how == "mean" else losses.sum()


a, b, v = family.uniform(3, 4), family.uniform(3, 4), family.uniform(4)
both, one = {"a": a, "b": b}, {"a": a}
positive = {"a": family.uniform(3, 4, low=0.2, high=3)}
counts = {"y": torch.tensor([[0.0, 1.0, 2.0, 5.0], [3.0, 0.0, 1.0, 7.0], [1.0, 4.0, 2.0, 1.5]])}
signs = {"y": torch.tensor([[1.0, -1.0, 1.0, -1.0], [-1.0, -1.0, 1.0, 1.0], [1.0, 1.0, -1.0, 1.0]])}

# ---- regression

for name, more in (("mse_loss", ""), ("l1_loss", ""), ("smooth_l1_loss", ", beta=0.7"), ("huber_loss", ", delta=0.6")):
    each(name, f"F.{name}(a, b, R{more})", both)
    add(f"{name}/defaults, broadcast target", f"out = F.{name}(a, v)", {"a": a, "v": v})
    add(f"{name}/equal", f"out = F.{name}(a, a.detach(), reduction='sum'{more}) + a.sum()", one)
    add(f"{name}/0-d", f"out = F.{name}(a.sum(), b.mean())", both)
for name in ("mse_loss", "l1_loss", "smooth_l1_loss"):
    add(f"{name}/size_average and reduce", f"out = F.{name}(a, b, None, False) + F.{name}(a, b, size_average=False) + F.{name}(a, b, True, True) + F.{name}(a, b, None, None, 'sum')", both)
    add(f"{name}/old name of mean", f"out = F.{name}(a, b, reduction='elementwise_mean')", both)
add("smooth_l1_loss/beta 0", "out = F.smooth_l1_loss(a, b, beta=0.0)", both)
add("smooth_l1_loss/at beta", "out = F.smooth_l1_loss(a, b, beta=1.0) + F.huber_loss(a, b, delta=1.0)", {"a": torch.tensor([1.0, -1.0, 0.0])}, {"b": torch.zeros(3)})
add("huber_loss/positional", "out = F.huber_loss(a, b, 'sum', 0.3)", both)
weights = {"w": family.uniform(3, 4, low=0.1, high=2)}
each("mse_loss/weight", "F.mse_loss(a, b, R, weight=w)", both, weights, lambda how, a, b, w: (lambda s: s.sum() / w.sum() if how == "mean" else reduced(s, how))((a - b) ** 2 * w))
each("l1_loss/weight", "F.l1_loss(a, b, R, weight=w)", both, weights, lambda how, a, b, w: (lambda s: s.sum() / w.sum() if how == "mean" else reduced(s, how))((a - b).abs() * w))
each("huber_loss/weight", "F.huber_loss(a, b, R, weight=w)", both, weights, lambda how, a, b, w: reduced(F.huber_loss(a, b, reduction="none") * w, how))

each("poisson_nll_loss/log_input", "F.poisson_nll_loss(a, y, R)", one, counts)
each("poisson_nll_loss/full", "F.poisson_nll_loss(a, y, full=True, R)", one, counts)
each("poisson_nll_loss/plain", "F.poisson_nll_loss(a, y, log_input=False, R)", positive, counts)
add("poisson_nll_loss/eps and order", "out = F.poisson_nll_loss(a, y, False, True, None, 0.1) + F.poisson_nll_loss(a, y, False, False, False) + torch.poisson_nll_loss(a, y, False, True, 0.2, 2)", positive, counts)
add("poisson_nll_loss/gradient of the target", "out = F.poisson_nll_loss(a, b, full=True)", {"a": a, "b": family.uniform(3, 4, low=0.2, high=4)})
variance = {"a": a, "v": family.uniform(3, 4, low=0.2, high=2)}
each("gaussian_nll_loss", "F.gaussian_nll_loss(a, b, v, R)", variance, {"b": b})
each("gaussian_nll_loss/full, one variance a row", "F.gaussian_nll_loss(a, b, v, full=True, R)", {"a": a, "v": family.uniform(3, low=0.2, high=2)}, {"b": b})
add("gaussian_nll_loss/one variance a row, kept dimension", "out = F.gaussian_nll_loss(a, b, v[:, :1], True, 0.01, 'sum')", variance, {"b": b})
add("gaussian_nll_loss/clamped variance has its gradient", "out = F.gaussian_nll_loss(a, b, v, eps=0.9)", variance, {"b": b})
add("gaussian_nll_loss/a number", "out = F.gaussian_nll_loss(a, b, 0.7)", both, reference=lambda a, b: F.gaussian_nll_loss(a, b, torch.full_like(a, 0.7)))

# ---- classes

labels, wide = {"y": torch.tensor([2, 0, 3])}, {"a": family.uniform(2, 4, 3, 2)}
weight4 = {"w": family.uniform(4, low=0.2, high=2)}
shares = {"y": F.softmax(family.uniform(3, 4), 1)}
each("cross_entropy", "F.cross_entropy(a, y, R)", one, labels)
each("cross_entropy/weight and ignore_index", "F.cross_entropy(a, y, weight=w, ignore_index=3, R)", one, {**labels, **weight4})
each("cross_entropy/label_smoothing", "F.cross_entropy(a, y, R, label_smoothing=0.2)", one, labels)
each("cross_entropy/label_smoothing, weight, ignore_index", "F.cross_entropy(a, y, w, ignore_index=0, R, label_smoothing=0.3)", one, {**labels, **weight4})
each("cross_entropy/probabilities", "F.cross_entropy(a, y, R)", one, shares)
each("cross_entropy/probabilities, weight, label_smoothing", "F.cross_entropy(a, y, weight=w, R, label_smoothing=0.1)", one, {**shares, **weight4})
add("cross_entropy/gradient of the probabilities", "out = F.cross_entropy(a, y)", {**one, **shares})
each("cross_entropy/dimensions", "F.cross_entropy(a, y, w, ignore_index=1, R, label_smoothing=0.1)", wide, {"y": family.integers(2, 3, 2, high=4), **weight4})
each("cross_entropy/probabilities of dimensions", "F.cross_entropy(a, y, w, R)", wide, {"y": F.softmax(family.uniform(2, 4, 3, 2), 1), **weight4})
add("cross_entropy/a single sample", "out = F.cross_entropy(a[0], y[0]) + F.cross_entropy(a[1], y[1], reduction='none', label_smoothing=0.1) + F.cross_entropy(a[2], p[2], w)", one, {**labels, "p": shares["y"], **weight4})
add("cross_entropy/ignored labels that are no class", "out = F.cross_entropy(a, y, ignore_index=255, reduction='none') + F.cross_entropy(a, y, w, ignore_index=255) + F.cross_entropy(a, y, ignore_index=255, label_smoothing=0.1) + F.cross_entropy(a, z)", one, {"y": torch.tensor([255, 0, 3]), "z": torch.tensor([-100, 1, 2]), **weight4})
add("nll_loss/what is ignored may be infinite", "x = torch.where(a > 0, a, -math.inf)\nout = F.nll_loss(x, y, ignore_index=1, reduction='none') + F.nll_loss(x, y, w, ignore_index=1) + F.cross_entropy(x, y, ignore_index=1)", {"a": torch.tensor([[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 0.5], [0.3, 0.4, 0.0, 1.0]])}, {"y": torch.tensor([1, 0, 3]), **weight4})
add("cross_entropy/old arguments", "out = F.cross_entropy(a, y, None, False) + F.cross_entropy(a, y, w, None, 2, False, 'sum') + F.cross_entropy(a, y, None, True, -100, True, 'none', 0.1)", one, {**labels, **weight4})
each("nll_loss", "F.nll_loss(a, y, R)", one, labels)
each("nll_loss/weight and ignore_index", "F.nll_loss(a, y, w, ignore_index=2, R)", one, {**labels, **weight4})
each("nll_loss/dimensions", "F.nll_loss(a, y, w, ignore_index=1, R)", wide, {"y": family.integers(2, 3, 2, high=4), **weight4})
add("nll_loss/one dimension more, a single sample", "out = F.nll_loss(a.flatten(2), y.flatten(1), reduction='none') + F.nll_loss(a[0, :, 0, 0], y[0, 0, 0])", wide, {"y": family.integers(2, 3, 2, high=4)})
add("nll_loss/old arguments", "out = F.nll_loss(a, y, None, False) + F.nll_loss(a, y, w, True, 0, False)", one, {**labels, **weight4})
each("multi_margin_loss", "F.multi_margin_loss(a, y, R)", one, labels)
each("multi_margin_loss/p, margin, weight", "F.multi_margin_loss(a, y, p=2, margin=1.3, weight=w, R)", one, {**labels, **weight4})
add("multi_margin_loss/a single sample, old arguments", "out = F.multi_margin_loss(a[0], y[0]) + F.multi_margin_loss(a[1], y[1], 2, 0.4, w, reduction='none') + F.multi_margin_loss(a, y, 1, 0.5, None, False) + F.multi_margin_loss(a, y, 1, 0.5, w, None, False)", one, {**labels, **weight4})
add("multi_margin_loss/at the margin", "out = F.multi_margin_loss(a, y, reduction='sum')", {"a": torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.0, 2.0]])}, {"y": torch.tensor([0, 1])})
several = {"y": torch.tensor([[3, 0, -1, 1], [1, 2, 3, 0], [-1, 2, 1, 0]])}
each("multilabel_margin_loss", "F.multilabel_margin_loss(a, y, R)", one, several)
add("multilabel_margin_loss/a single sample, old arguments, a class twice", "out = F.multilabel_margin_loss(a[0], y[0]) + F.multilabel_margin_loss(a[1], y[2], reduction='none') + F.multilabel_margin_loss(a, y, False) + F.multilabel_margin_loss(a, y, None, False) + F.multilabel_margin_loss(a[2], z)", one, {**several, "z": torch.tensor([1, 1, 0, -1])})

# ---- yes and no

probabilities, targets = {"a": family.uniform(3, 4, low=0.05, high=0.95)}, {"y": family.uniform(3, 4, low=0, high=1)}
each("binary_cross_entropy", "F.binary_cross_entropy(a, y, R)", probabilities, targets)
each("binary_cross_entropy/weight", "F.binary_cross_entropy(a, y, w, R)", probabilities, {**targets, "w": family.uniform(4)})
add("binary_cross_entropy/gradient of the target", "out = F.binary_cross_entropy(a, y, reduction='sum')", {**probabilities, **targets})
add("binary_cross_entropy/certain", "out = F.binary_cross_entropy(a, y, reduction='sum') * 0.01", {"a": torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5])}, {"y": torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0])})
add("binary_cross_entropy/old arguments", "out = F.binary_cross_entropy(a, y, None, False) + F.binary_cross_entropy(a, y, reduce=False)", probabilities, targets)
each("binary_cross_entropy_with_logits", "F.binary_cross_entropy_with_logits(a, y, R)", one, targets)
each("binary_cross_entropy_with_logits/weights", "F.binary_cross_entropy_with_logits(a, y, weight=w, R, pos_weight=p)", one, {**targets, "w": family.uniform(3, 1), "p": family.uniform(4, low=0.2, high=3)})
add("binary_cross_entropy_with_logits/torch", "out = torch.binary_cross_entropy_with_logits(a, y, None, p, 2) + torch.binary_cross_entropy_with_logits(a, y)", one, {**targets, "p": family.uniform(4, low=0.2, high=3)})
add("binary_cross_entropy_with_logits/large, at 0", "out = F.binary_cross_entropy_with_logits(a, y, reduction='none')", {"a": torch.tensor([800.0, -800.0, 0.0])}, {"y": torch.tensor([0.0, 1.0, 0.3])})
logs = {"a": F.log_softmax(a, 1).detach()}
each("kl_div", "F.kl_div(a, y, R)", logs, targets)
each("kl_div/log_target", "F.kl_div(a, y, R, log_target=True)", {**logs, "y": F.log_softmax(b, 1).detach()})
add("kl_div/batchmean", "out = F.kl_div(a, y, reduction='batchmean') + F.kl_div(a, y.log(), None, None, 'batchmean', True) + torch.kl_div(a, y, 2, log_target=False) + F.kl_div(a, y, False)", logs, targets)
add("kl_div/zeros in the target", "out = F.kl_div(a, y, reduction='none')", logs, {"y": torch.tensor([[0.0, 0.5, 0.5, 0.0]] * 3)})
each("soft_margin_loss", "F.soft_margin_loss(a, y, R)", one, signs)
add("soft_margin_loss/old arguments", "out = F.soft_margin_loss(a, y, False) + F.soft_margin_loss(a, y, None, False)", one, signs)
bits = {"y": family.bools(3, 4).double()}
each("multilabel_soft_margin_loss", "F.multilabel_soft_margin_loss(a, y, R)", one, bits)
each("multilabel_soft_margin_loss/weight", "F.multilabel_soft_margin_loss(a, y, w, R)", one, {**bits, "w": family.uniform(4)})
add("multilabel_soft_margin_loss/vector and three dimensions", "out = F.multilabel_soft_margin_loss(a[0], y[0]) + F.multilabel_soft_margin_loss(a.reshape(3, 2, 2), y.reshape(3, 2, 2), reduction='none')", one, bits)

# ---- distances

each("hinge_embedding_loss", "F.hinge_embedding_loss(a, y, R)", one, signs)
add("hinge_embedding_loss/margin and other targets", "out = F.hinge_embedding_loss(a, y, 0.3, reduction='none') + torch.hinge_embedding_loss(a, y, margin=2.0, reduction=2) + torch.hinge_embedding_loss(a, y)", one, {"y": torch.tensor([[1.0, -1.0, 0.0, 3.0]] * 3)})
add("hinge_embedding_loss/at the margin, broadcast", "out = F.hinge_embedding_loss(a, y, 1.0, None, None, 'none')", {"a": torch.tensor([1.0, 0.25, 2.0])}, {"y": torch.tensor([-1, -1, -1])})
each("margin_ranking_loss", "F.margin_ranking_loss(a, b, y, R)", both, signs)
add("margin_ranking_loss/margin", "out = F.margin_ranking_loss(a, b, y, 0.5, reduction='none') + torch.margin_ranking_loss(a, b, y, 0.2, 2) + F.margin_ranking_loss(a, b, y, margin=0.1, size_average=False)", both, signs)
add("margin_ranking_loss/at the margin", "out = F.margin_ranking_loss(a, a.detach(), y, reduction='sum') + a.sum()", {"a": v}, {"y": torch.tensor([1, -1, 1, -1])})
rows = {"y": torch.tensor([1, -1, -1])}
each("cosine_embedding_loss", "F.cosine_embedding_loss(a, b, y, R)", both, rows)
add("cosine_embedding_loss/margin", "out = F.cosine_embedding_loss(a, b, y, 0.2) + torch.cosine_embedding_loss(a, b, y, margin=-0.5, reduction=0) + F.cosine_embedding_loss(a, b, y * 2)", both, rows)
add("cosine_embedding_loss/vectors", "out = F.cosine_embedding_loss(a[0], b[1], y[0]) + F.cosine_embedding_loss(a[2], b[0], y[1], reduction='none')", both, rows)
three = {**both, "c": family.uniform(3, 4)}
each("triplet_margin_loss", "F.triplet_margin_loss(a, b, c, R)", three)
each("triplet_margin_loss/swap", "F.triplet_margin_loss(a, b, c, margin=2.5, swap=True, R)", three)
add("triplet_margin_loss/p and eps", "out = F.triplet_margin_loss(a, b, c, 3.0, 1, 0.01) + F.triplet_margin_loss(a, b, c, p=3, margin=3) + torch.triplet_margin_loss(a, b, c, 3.0, 1.5, 1e-3, True, 2)", three)
add("triplet_margin_loss/vectors, three dimensions, broadcast", "out = F.triplet_margin_loss(a[0], b[0], c[0], 2.0) + F.triplet_margin_loss(a.reshape(3, 2, 2), b.reshape(3, 2, 2), c.reshape(3, 2, 2), 2.0, reduction='none') + F.triplet_margin_loss(a, b[:1], c, 2.0)", three)
add("triplet_margin_with_distance_loss/default", "out = F.triplet_margin_with_distance_loss(a, b, c, margin=2.0, swap=True, reduction='none')", three)
add("triplet_margin_with_distance_loss/a function", ["def distance(x, y):", "    return (x - y).abs().sum(1)", "out = F.triplet_margin_with_distance_loss(a, b, c, distance_function=distance, margin=3.0)"], three)

# ---- sequences of labels

T, N, C, S = 7, 3, 5, 3
scores, padded = family.uniform(T, N, C), torch.tensor([[1, 2, 2], [3, 4, 0], [2, 0, 0]])
sequences, joined = {"y": padded}, {"y": torch.tensor([1, 2, 2, 3, 4, 2])}
logs = {"a": F.log_softmax(scores, 2).detach()}
LENGTHS = "(7, 7, 7), (3, 2, 1)"
each("ctc_loss", f"F.ctc_loss(a, y, {LENGTHS}, R)", logs, sequences)
each("ctc_loss/of logits", f"F.ctc_loss(F.log_softmax(a, 2), y, {LENGTHS}, R)", {"a": scores}, sequences)
tensors = {**sequences, "n": torch.tensor([7, 5, 4]), "m": torch.tensor([3, 2, 1])}
each("ctc_loss/lengths as data", "F.ctc_loss(a, y, n, m, R)", logs, tensors)
add("ctc_loss/lengths as lists", "out = F.ctc_loss(a, y, [7, 5, 4], [3, 2, 1])", logs, sequences)
add("ctc_loss/lengths as tensors of the program", "out = F.ctc_loss(a, y, torch.full((3,), 7, dtype=torch.long), torch.tensor([3, 2, 1]), reduction='none') + F.ctc_loss(a, j, torch.tensor([6, 6, 7]), torch.tensor([3, 2, 1]))", logs, {**sequences, "j": joined["y"]})
add("ctc_loss/one after the other", f"out = F.ctc_loss(a, y, {LENGTHS}, reduction='none')", logs, joined)
add("ctc_loss/one after the other, lengths as data", "out = F.ctc_loss(a, y, n, m, reduction='none')", logs, {**joined, "n": torch.tensor([7, 5, 4]), "m": torch.tensor([3, 2, 1])})
add("ctc_loss/blank", f"out = F.ctc_loss(a, y - 1, {LENGTHS}, blank=4, reduction='none') + torch.ctc_loss(a, y - 1, {LENGTHS}, 4, 2)", logs, {"y": padded.clamp(min=1)})
add("ctc_loss/empty targets", "out = F.ctc_loss(a, y, (7, 6, 7), (0, 2, 0), reduction='none') + F.ctc_loss(a, y, (7, 6, 7), (0, 2, 0))", logs, sequences)
add("ctc_loss/all targets empty", "out = F.ctc_loss(a, y, (7, 6, 7), (0, 0, 0), reduction='none')", logs, sequences)
add("ctc_loss/empty targets as data", "out = F.ctc_loss(a, y, n, m, reduction='none')", logs, {**sequences, "n": torch.tensor([7, 5, 4]), "m": torch.tensor([0, 2, 0])})
add("ctc_loss/impossible is zero", "out = F.ctc_loss(a, y, (3, 7, 1), (3, 2, 1), reduction='none', zero_infinity=True) + F.ctc_loss(a, y, n, m, zero_infinity=True)", logs, {**sequences, "n": torch.tensor([2, 7, 7]), "m": torch.tensor([3, 2, 1])})
add("ctc_loss/a single step", "out = F.ctc_loss(a[:1], y[:, :1], (1, 1, 1), (1, 1, 0), reduction='none')", logs, sequences)
add("ctc_loss/without a batch", "out = F.ctc_loss(a[:, 0], y[0], (7,), (3,)) + F.ctc_loss(a[:, 1], y[1:2], torch.tensor(6), torch.tensor(2), reduction='none')", logs, sequences)


def likelihood(a, y, lengths, sizes, blank=0):
    """CTC as a formula, which PyTorch can differentiate twice."""
    losses = []
    for n, (length, size) in enumerate(zip(lengths, sizes)):
        labels = [blank]
        for label in y[n, :size].tolist():
            labels += [label, blank]
        alpha = [a[0, n, label] if s < 2 else torch.tensor(-math.inf) for s, label in enumerate(labels)]
        for t in range(1, length):
            ways = [[alpha[s]] + alpha[max(s - 1, 0):s] + ([alpha[s - 2]] if s > 1 and label not in (blank, labels[s - 2]) else []) for s, label in enumerate(labels)]
            alive = [[way for way in some if way > -math.inf] for some in ways]
            alpha = [torch.logsumexp(torch.stack(some), 0) + a[t, n, label] if some else torch.tensor(-math.inf) for some, label in zip(alive, labels)]
        losses.append(-torch.logsumexp(torch.stack(alpha[-2:]), 0))
    return torch.stack(losses)


def curvature(a, y):
    x = F.log_softmax(a, 2)
    losses = likelihood(x, y, (7, 5, 4), (3, 2, 1))
    assert torch.allclose(losses, F.ctc_loss(x, y, (7, 5, 4), (3, 2, 1), reduction="none"))
    return torch.autograd.grad(losses.sum(), a, create_graph=True)[0]


add("ctc_loss/gradient of the gradient", "out = torch.autograd.grad(F.ctc_loss(F.log_softmax(a, 2), y, (7, 5, 4), (3, 2, 1), reduction='sum'), a, create_graph=True)[0]", {"a": scores}, sequences, curvature)
add("ctc_loss/three hundred steps", "x = F.log_softmax((t * a).sin() * 6, 2)\nout = F.ctc_loss(x, y, (300, 251), (40, 17), reduction='none')", {"a": family.uniform(5)}, {"t": family.uniform(300, 2, 5, low=-9, high=9), "y": family.integers(2, 40, low=1, high=5)})
probabilities = {"a": family.uniform(3, 4, low=-2, high=-0.2), "b": family.uniform(3, 4, low=0.2, high=0.9)}
add("kl_div/batchmean with the old arguments", "out = F.kl_div(a, b, True, reduction='batchmean') + F.kl_div(a, b, False, reduction='batchmean') + F.kl_div(a, b, reduce=False, reduction='batchmean')", probabilities)
add("kl_div/gradient of a target of 0", "y = b * torch.tensor([0.0, 1.0, 1.0, 0.0])\nd, = torch.autograd.grad(F.kl_div(a, y, reduction='sum'), y)\nout = torch.where(torch.isnan(d), 3.0, d) + a", probabilities)
add("multilabel_soft_margin_loss/a target of more dimensions", "out = F.multilabel_soft_margin_loss(a, y, reduction='none') + F.multilabel_soft_margin_loss(a, y)", {"a": family.uniform(3)}, {"y": family.bools(3, 3).double()})
family.write()
