#!/usr/bin/env python3
"""Makes autograd.json:  python3 test/golden/functions/autograd.py"""
from golden import Family

family = Family("autograd")
w, b, x = family.uniform(2), family.uniform(), family.uniform(4, 2)


def add(name, *lines):
    family.add(name, list(lines), {"w": w, "b": b}, {"x": x})


add("gradient penalty", "x.requires_grad_()", "u = torch.tanh(x @ w + b)", "du, = torch.autograd.grad(u.sum(), x, create_graph=True)", "out = (du.norm(dim=1) - 1) ** 2")
add("second derivative",
    "t = x[:, 0].clone().detach().requires_grad_()", "u = torch.sin(w[0] * t) * torch.exp(b * t)", "u1 = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]",
    "u2 = torch.autograd.grad(u1, t, torch.ones_like(u1), create_graph=True)[0]", "out = u2 + w[1] * u1 + u")
add("third derivative", "t = x[:, 1].requires_grad_()", "d = torch.sigmoid(w[0] * t + b)", "for k in range(3):", "    d, = torch.autograd.grad(d.sum(), t, create_graph=True)", "out = d")
add("without create_graph no gradient flows", "d, = torch.autograd.grad((w * w * b).sum(), w)", "out = d * w + b")
add("several outputs and inputs", "u, v = (w * b).sin(), w.exp()", "dw, db = torch.autograd.grad((u, v), [w, b], grad_outputs=(x[0], x[1]), create_graph=True)", "out = dw * db")
add("of an intermediate tensor", "h = w * 2", "k = w * 2", "l = (h ** 3 + k ** 2).sum()", "dh, = torch.autograd.grad(l, h, create_graph=True)", "out = dh * b")
add("unused is None", "u = (w ** 3).sum()", "dw, db = torch.autograd.grad(u, (w, b), create_graph=True, allow_unused=True)", "out = dw if db is None else dw * 100")
add("product with the Hessian", "l = ((x @ w + b).tanh() ** 2).sum()", "g, = torch.autograd.grad(l, w, create_graph=True)", "hv, = torch.autograd.grad(g, w, grad_outputs=x[0], create_graph=True)", "out = hv")
add("only what comes after requires_grad_", "early = x * x", "x.requires_grad_()", "l = (early * w + x * w).sum()", "out = torch.autograd.grad(l, x, create_graph=True)[0] * b")
add("in a function", "def slope(f, t):", "    return torch.autograd.grad(f(t).sum(), t, create_graph=True)[0]", "def cubic(t):", "    return w[0] * t ** 3 + b * t", "x.requires_grad_()", "out = slope(cubic, x)")
add("requires_grad_(False)", "d = w.detach()", "d.requires_grad_()", "l = (d * w).sum()", "d.requires_grad_(False)", "out = torch.autograd.grad(l, w, create_graph=True)[0] * b")
family.write()
