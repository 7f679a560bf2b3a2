#!/usr/bin/env python3
"""Makes pooling.json:  python3 test/golden/functions/pooling.py"""
import torch
from torch.nn import functional as F
from golden import Family

family = Family("pooling")
add, u = family.add, family.uniform

# ---- the largest

add("max_pool1d/plain", "out = F.max_pool1d(x, 2)", {"x": u(2, 3, 7)})
add("max_pool1d/options", "out = F.max_pool1d(x, 3, stride=2, padding=1, dilation=2, ceil_mode=True)", {"x": u(2, 3, 10)})
add("max_pool1d/indices", ["v, i = F.max_pool1d(x, 3, 1, return_indices=True)", "out = v * i"], {"x": u(2, 2, 6)})
add("max_pool1d/no batch", "out = torch.max_pool1d(x, (4,))", {"x": u(3, 8)})
add("max_pool2d/by dimension", "out = F.max_pool2d(x, (2, 3), (1, 2), (1, 0), (2, 1))", {"x": u(2, 2, 6, 7)})
add("max_pool2d/overlapping", "out = F.max_pool2d(x, 3, stride=1, padding=1)", {"x": u(1, 2, 5, 6)})
add("max_pool2d/ceil mode", "out = F.max_pool2d(x, 3, stride=2, ceil_mode=True)", {"x": u(2, 1, 6, 8)})
add("max_pool2d/ceil mode with a window that begins in the padding", "out = F.max_pool2d(x, 2, stride=3, padding=1, ceil_mode=True)", {"x": u(1, 2, 5, 4)})
add("max_pool2d/indices with padding", ["v, i = F.max_pool2d(x, (3, 2), 2, (1, 0), return_indices=True)", "w, j = F.max_pool2d_with_indices(x, 2)", "out = torch.cat([(v * i).flatten(), (w * j).flatten()])"], {"x": u(2, 2, 5, 6)})
add("max_pool2d/equal elements: the first has the gradient", "out = F.max_pool2d(x, 2, stride=1)", {"x": torch.ones(1, 1, 3, 4)})
add("max_pool2d/no batch, of negatives", "out = torch.max_pool2d(-x.abs(), 2, padding=1)", {"x": u(2, 5, 5)})
add("max_pool2d/after a convolution", "out = F.max_pool2d(F.relu(F.conv2d(x, w)), 2)", {"x": u(2, 2, 6, 6), "w": u(3, 2, 3, 3)})
add("max_pool3d/options", "out = F.max_pool3d(x, (2, 3, 1), stride=(1, 2, 2), padding=(1, 1, 0), ceil_mode=True)", {"x": u(1, 2, 4, 6, 5)})
add("max_pool3d/indices", ["v, i = F.max_pool3d(x, 2, return_indices=True)", "out = v * i"], {"x": u(1, 2, 4, 4, 3)})

# ---- the mean

add("avg_pool1d/plain", "out = F.avg_pool1d(x, 3)", {"x": u(2, 3, 8)})
add("avg_pool1d/options", "out = F.avg_pool1d(x, 4, 3, 2, True, False) + torch.avg_pool1d(x, 4, 3, 2, ceil_mode=True)", {"x": u(2, 3, 8)})
add("avg_pool2d/by dimension", "out = F.avg_pool2d(x, (3, 2), stride=(1, 2), padding=(1, 0))", {"x": u(2, 2, 5, 6)})
add("avg_pool2d/without padding in the count", "out = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)", {"x": u(2, 2, 6, 5)})
add("avg_pool2d/ceil mode", "out = F.avg_pool2d(x, 3, 2, 1, True) * F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)", {"x": u(1, 2, 6, 8)})
add("avg_pool2d/divisor", "out = F.avg_pool2d(x, 2, stride=1, divisor_override=3)", {"x": u(2, 2, 4, 4)})
add("avg_pool2d/no batch", "out = F.avg_pool2d(x, (2, 1))", {"x": u(3, 4, 5)})
add("avg_pool3d/options", "out = F.avg_pool3d(x, (2, 2, 3), stride=(1, 2, 2), padding=(1, 0, 1), count_include_pad=False, ceil_mode=True)", {"x": u(1, 2, 4, 5, 5)})
add("avg_pool3d/divisor", "out = F.avg_pool3d(x, 2, divisor_override=5)", {"x": u(1, 2, 4, 4, 4)})

# ---- norms

add("lp_pool1d/2", "out = F.lp_pool1d(x, 2, 3, stride=2)", {"x": u(2, 2, 8)})
add("lp_pool1d/ceil mode", "out = F.lp_pool1d(x.abs(), 3, 2, ceil_mode=True)", {"x": u(2, 2, 7)})
add("lp_pool2d/1.5", "out = F.lp_pool2d(x.abs(), 1.5, (2, 3))", {"x": u(2, 2, 4, 6)})
add("lp_pool2d/stride, ceil mode", "out = F.lp_pool2d(x, norm_type=4, kernel_size=3, stride=2, ceil_mode=True)", {"x": u(1, 2, 6, 6)})

# ---- adaptive

add("adaptive_avg_pool1d/divides, or not", "out = F.adaptive_avg_pool1d(x, 4) * torch.adaptive_avg_pool1d(x[:, :, :7], (4,))", {"x": u(2, 3, 8)})
add("adaptive_avg_pool1d/more than there are", "out = F.adaptive_avg_pool1d(x, 7)", {"x": u(2, 3, 4)})
add("adaptive_avg_pool2d/one", "out = F.adaptive_avg_pool2d(x, 1)", {"x": u(2, 3, 4, 5)})
add("adaptive_avg_pool2d/None", "out = F.adaptive_avg_pool2d(x, (None, 3))", {"x": u(2, 3, 4, 5)})
add("adaptive_avg_pool2d/no batch", "out = F.adaptive_avg_pool2d(x, (3, 2))", {"x": u(3, 7, 5)})
add("adaptive_avg_pool3d/mixed", "out = F.adaptive_avg_pool3d(x, (2, 3, 4))", {"x": u(1, 2, 5, 6, 4)})
add("adaptive_max_pool1d/indices", ["v, i = F.adaptive_max_pool1d(x, 3, return_indices=True)", "out = v * i"], {"x": u(2, 3, 7)})
add("adaptive_max_pool2d/divides, or not", "out = F.adaptive_max_pool2d(x, (2, 3)).sum() + F.adaptive_max_pool2d(x, (3, None))", {"x": u(2, 2, 8, 5)})
add("adaptive_max_pool2d/indices", ["v, i = F.adaptive_max_pool2d(x, (3, 2), True)", "out = v * i"], {"x": u(2, 2, 5, 7)})
add("adaptive_max_pool3d/plain", "out = F.adaptive_max_pool3d(x, 2)", {"x": u(1, 2, 4, 5, 3)})
add("adaptive_max_pool2d/equal elements", "out = F.adaptive_max_pool2d(x, 2)", {"x": torch.ones(1, 1, 3, 3)})

# ---- rows of several vectors

add("max_pool2d/halves", "out = F.max_pool2d(x, 2)", {"x": u(2, 2, 8, 28)})
add("max_pool2d/halves of odd sizes", "out = F.max_pool2d(x, 2)", {"x": u(1, 2, 7, 21)})
add("max_pool2d/thirds", "out = F.max_pool2d(x, 3)", {"x": u(1, 2, 10, 26)})
add("max_pool2d/overlapping by one, padded", "out = F.max_pool2d(x, 3, 2, 1)", {"x": u(1, 2, 9, 23)})
add("max_pool2d/gradient of the gradient", ["g, = torch.autograd.grad(F.max_pool2d(x ** 3, 2).sum(), x, create_graph=True)", "out = g ** 2"], {"x": u(1, 1, 4, 18)})
add("max_pool1d/a long signal", "out = F.max_pool1d(x, 4, 3)", {"x": u(1, 2, 140)})
add("avg_pool2d/halves", "out = F.avg_pool2d(x, 2)", {"x": u(2, 2, 6, 20)})
add("avg_pool2d/overlapping, padded", "out = F.avg_pool2d(x, 3, 2, 1)", {"x": u(1, 2, 9, 23)})
family.write()
