#!/usr/bin/env python3
"""Makes convolutions.json:  python3 test/golden/functions/convolutions.py"""
import torch
from golden import Family

family = Family("convolutions")
add, u = family.add, family.uniform

# ---- convolutions

add("conv1d/plain", "out = F.conv1d(x, w)", {"x": u(2, 3, 8), "w": u(4, 3, 3)})
add("conv1d/bias, stride, padding", "out = F.conv1d(x, w, b, 2, 3)", {"x": u(2, 3, 9), "w": u(4, 3, 4), "b": u(4)})
add("conv1d/dilation, groups", "out = torch.conv1d(x, w, dilation=2, groups=3, padding=(1,))", {"x": u(2, 6, 9), "w": u(9, 2, 3)})
add("conv1d/same", "out = F.conv1d(x, w, padding='same', dilation=3)", {"x": u(1, 2, 7), "w": u(2, 2, 4)})
add("conv1d/valid", "out = F.conv1d(x, w, padding='valid', stride=(2,))", {"x": u(1, 2, 8), "w": u(2, 2, 3)})
add("conv1d/no batch", "out = F.conv1d(x, w, b)", {"x": u(2, 7), "w": u(3, 2, 2), "b": u(3)})
add("conv1d/pointwise", "out = F.conv1d(x, w)", {"x": u(3, 4, 5), "w": u(2, 4, 1)})
add("conv1d/whole input", "out = F.conv1d(x, w)", {"x": u(2, 3, 5), "w": u(2, 3, 5)})
add("conv1d/stride longer than the kernel", "out = F.conv1d(x, w, stride=4)", {"x": u(2, 3, 11), "w": u(2, 3, 2)})
add("conv2d/plain", "out = F.conv2d(x, w, b)", {"x": u(2, 3, 6, 7), "w": u(4, 3, 3, 2), "b": u(4)})
add("conv2d/stride, padding, dilation by dimension", "out = F.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 3))", {"x": u(2, 2, 7, 9), "w": u(3, 2, 3, 2), "b": u(3)})
add("conv2d/same", "out = F.conv2d(x, w, padding='same')", {"x": u(2, 2, 5, 6), "w": u(2, 2, 2, 3)})
add("conv2d/depthwise", "out = F.conv2d(x, w, b, 1, 1, 1, 4)", {"x": u(2, 4, 5, 5), "w": u(8, 1, 3, 3), "b": u(8)})
add("conv2d/no batch", "out = torch.conv2d(x, w, None, (1, 2))", {"x": u(3, 5, 6), "w": u(2, 3, 2, 2)})
add("conv2d/input as data", "out = F.conv2d(x, w, padding=1)", {"w": u(4, 1, 3, 3)}, {"x": u(5, 1, 8, 8)})
add("conv2d/twice, with a nonlinearity", ["h = torch.tanh(F.conv2d(x, v, padding=1, stride=2))", "out = F.conv2d(h, w, dilation=2)"], {"x": u(2, 2, 9, 9), "v": u(5, 2, 3, 3), "w": u(3, 5, 2, 2)})
add("conv2d/of a permuted input", "out = F.conv2d(x.permute(0, 3, 1, 2), w)", {"x": u(2, 5, 6, 3), "w": u(2, 3, 2, 2)})
add("conv2d/of a slice", "out = F.conv2d(x[:, ::2, 1:, ::2], w, stride=2)", {"x": u(2, 4, 7, 9), "w": u(2, 2, 3, 2)})
add("conv3d/plain", "out = F.conv3d(x, w, b)", {"x": u(2, 2, 4, 5, 3), "w": u(3, 2, 2, 3, 2), "b": u(3)})
add("conv3d/options", "out = torch.conv3d(x, w, stride=(1, 2, 1), padding=(1, 0, 2), dilation=(2, 1, 1), groups=2)", {"x": u(1, 4, 5, 5, 3), "w": u(2, 2, 2, 3, 2)})
add("conv3d/same, no batch", "out = F.conv3d(x, w, padding='same')", {"x": u(2, 3, 4, 3), "w": u(2, 2, 3, 2, 3)})
add("conv2d/gradient penalty", ["loss0 = F.conv2d(x, w, padding=1).pow(2).sum()", "g, = torch.autograd.grad(loss0, x, create_graph=True)", "out = (g ** 2).sum()"], {"x": u(1, 2, 4, 4), "w": u(2, 2, 3, 3)})

# ---- transposed convolutions

add("conv_transpose1d/plain", "out = F.conv_transpose1d(x, w, b)", {"x": u(2, 3, 5), "w": u(3, 4, 3), "b": u(4)})
add("conv_transpose1d/options", "out = F.conv_transpose1d(x, w, b, stride=3, padding=1, output_padding=2, groups=2, dilation=2)", {"x": u(2, 4, 5), "w": u(4, 3, 3), "b": u(6)})
add("conv_transpose1d/output_padding by dilation", "out = F.conv_transpose1d(x, w, output_padding=1, dilation=2)", {"x": u(1, 2, 4), "w": u(2, 2, 2)})
add("conv_transpose2d/plain", "out = torch.conv_transpose2d(x, w)", {"x": u(2, 3, 4, 5), "w": u(3, 2, 3, 2)})
add("conv_transpose2d/by dimension", "out = F.conv_transpose2d(x, w, b, (2, 1), (1, 0), (1, 0), 1, (1, 2))", {"x": u(2, 3, 4, 5), "w": u(3, 2, 3, 2), "b": u(2)})
add("conv_transpose2d/groups, no batch", "out = F.conv_transpose2d(x, w, stride=2, groups=3)", {"x": u(3, 4, 3), "w": u(3, 2, 2, 2)})
add("conv_transpose3d/plain", "out = F.conv_transpose3d(x, w, b, stride=(1, 2, 2), padding=(0, 1, 0), output_padding=(0, 1, 1))", {"x": u(1, 2, 3, 2, 3), "w": u(2, 3, 2, 3, 2), "b": u(3)})
add("conv_transpose2d/gradient penalty", ["loss0 = F.conv_transpose2d(x, w, stride=2).pow(3).sum()", "g, = torch.autograd.grad(loss0, x, create_graph=True)", "out = (g ** 2).sum()"], {"x": u(1, 2, 2, 3), "w": u(2, 1, 3, 2)})

# ---- windows

add("unfold/plain", "out = F.unfold(x, 3)", {"x": u(2, 2, 5, 6)})
add("unfold/options", "out = F.unfold(x, (2, 3), dilation=(2, 1), padding=(1, 2), stride=(1, 2))", {"x": u(2, 3, 5, 6)})
add("unfold/no batch", "out = F.unfold(x, kernel_size=2, stride=2)", {"x": u(3, 4, 5)})
add("fold/plain", "out = F.fold(x, (4, 5), 2)", {"x": u(2, 8, 12)})
add("fold/options", "out = F.fold(x, output_size=(5, 6), kernel_size=(2, 3), dilation=(2, 1), padding=(1, 2), stride=(1, 2))", {"x": u(2, 12, 20)})
add("fold/no batch, gaps", "out = F.fold(x, (5, 5), 1, stride=2)", {"x": u(3, 9)})
add("fold/unfold and back", "out = F.fold(F.unfold(x, 3, padding=1).tanh(), (4, 4), 3, padding=1)", {"x": u(1, 2, 4, 4)})
add("Tensor.unfold/overlapping", "out = x.unfold(1, 3, 1)", {"x": u(2, 6, 3)})
add("Tensor.unfold/steps", "out = x.unfold(-1, 2, 3).unfold(dimension=0, size=2, step=2)", {"x": u(5, 8)})
add("Tensor.unfold/whole, empty and 0-d", "out = torch.cat([x.unfold(0, 4, 1).flatten(), x.unfold(0, 0, 2).flatten(), x.sum().unfold(0, 1, 1)])", {"x": u(4)})

# ---- rows of pixels of several vectors, more channels than a tile has

add("conv2d/odd sizes", "out = F.conv2d(x, w, b, padding=1).relu()", {"x": u(2, 3, 9, 19), "w": u(7, 3, 3, 3), "b": u(7)})
add("conv2d/rows of one vector and less", "out = F.conv2d(x, w, b, padding=1)", {"x": u(3, 5, 5, 7), "w": u(9, 5, 3, 3), "b": u(9)})
add("conv2d/stride 2", "out = F.conv2d(x, w, stride=2, padding=1)", {"x": u(1, 3, 17, 22), "w": u(8, 3, 3, 3)})
add("conv2d/stride 3, dilation 2", "out = F.conv2d(x, w, b, stride=3, padding=2, dilation=2)", {"x": u(1, 2, 13, 31), "w": u(4, 2, 3, 3), "b": u(4)})
add("conv2d/5 x 5, one channel", "out = F.conv2d(x, w, padding=2)", {"x": u(2, 1, 11, 17), "w": u(1, 1, 5, 5)})
add("conv2d/a kernel longer than a row of taps", "out = F.conv2d(x, w, padding=(1, 6))", {"x": u(1, 2, 5, 18), "w": u(3, 2, 3, 13)})
add("conv2d/depthwise, stride", "out = F.conv2d(x, w, b, stride=(1, 2), padding=1, groups=5)", {"x": u(1, 5, 6, 18), "w": u(10, 1, 3, 3), "b": u(10)})
add("conv2d/pointwise, stride", "out = F.conv2d(x, w, stride=2) + F.conv2d(x, w[:, :, :1, :1])[:, :, ::2, ::2]", {"x": u(2, 6, 7, 9), "w": u(5, 6, 1, 1)})
add("conv2d/padding beyond the kernel", "out = F.conv2d(x, w, padding=3)", {"x": u(1, 2, 6, 9), "w": u(3, 2, 2, 1)})
add("conv1d/a long signal", "out = F.conv1d(x, w, b, padding=2)", {"x": u(1, 2, 150), "w": u(3, 2, 5), "b": u(3)})
add("conv3d/rows of several vectors", "out = F.conv3d(x, w, padding=1, stride=(2, 1, 1))", {"x": u(1, 2, 4, 3, 17), "w": u(4, 2, 3, 3, 3)})
add("conv_transpose2d/rows of several vectors", "out = F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1)", {"x": u(1, 4, 5, 12), "w": u(4, 3, 3, 3), "b": u(3)})
family.write()
