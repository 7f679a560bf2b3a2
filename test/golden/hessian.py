#!/usr/bin/env python3
"""Makes hessian.json: bodies for POST /v1/hessian with PyTorch's second derivatives in float64.

Needs PyTorch (Debian: python3-torch):  python3 test/golden/hessian.py
"""
import json
import math
import os
import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
generator = torch.Generator().manual_seed(5)


def u(*shape):
    return ((torch.rand(shape, generator=generator) * 3 - 1.5) * 1000).round() / 1000


def case(name, forward, loss, parameters, data=None, chosen=None, vector=None):
    data = data or {}
    names = chosen or list(parameters)

    def function(*values):
        space = {"torch": torch, "F": F, "math": math, **parameters, **data, **dict(zip(names, values))}
        exec(forward, space)
        return eval(loss, space)

    point = tuple(parameters[n] for n in names)
    value = function(*point)
    request = {
        "model": {"parameters": {k: {"value": v.tolist()} for k, v in parameters.items()}, "forward": forward.split("\n")}, "loss": loss,
        "data": {k: v.tolist() if v.is_floating_point() else {"data": v.flatten().tolist(), "shape": list(v.shape), "dtype": "int64"} for k, v in data.items()},
        "dtype": "float64", **({"parameters": chosen} if chosen else {}), **({"vector": {k: v.tolist() for k, v in vector.items()}} if vector else {}),
    }
    gradients = torch.autograd.functional.jacobian(function, point)
    expect = {"loss": value.item(), "gradients": {n: g.tolist() for n, g in zip(names, gradients)}}
    if vector:
        _, product = torch.autograd.functional.hvp(function, point, tuple(vector[n] for n in names))
        expect["product"] = {n: p.tolist() for n, p in zip(names, product)}
    else:
        blocks = torch.autograd.functional.hessian(function, point)
        expect["hessian"] = {a: {b: blocks[i][j].tolist() for j, b in enumerate(names)} for i, a in enumerate(names)}
    return {"name": name, "request": request, "expect": expect}


x, y, labels = u(6, 3), u(6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
network = {"w1": u(3, 4), "b1": u(4), "w2": u(4, 2)}
tanh = "h = torch.tanh(x @ w1 + b1)\ny_hat = h @ w2"
cases = [
    case("the notebook", "y_hat = w * x", "(y_hat - y)**2", {"w": torch.tensor(1.0)}, {"x": torch.tensor(1.0), "y": torch.tensor(2.0)}),
    case("Rosenbrock", "z = (1 - a)**2 + 100 * (b - a**2)**2", "z", {"a": torch.tensor(-1.2), "b": torch.tensor(1.0)}),
    case("a network", tanh, "F.mse_loss(y_hat, y)", network, {"x": x, "y": y}),
    case("a network, some parameters", tanh, "F.mse_loss(y_hat, y)", network, {"x": x, "y": y}, chosen=["b1", "w2"]),
    case("a network, a product", tanh, "F.mse_loss(y_hat, y)", network, {"x": x, "y": y}, vector={"w1": u(3, 4), "b1": u(4), "w2": u(4, 2)}),
    case("cross entropy", tanh, "F.cross_entropy(y_hat, t)", network, {"x": x, "t": labels}),
    case("cross entropy, a product of some", "h = F.gelu(x @ w1 + b1)\ny_hat = F.layer_norm(h, (4,)) @ w2", "F.cross_entropy(y_hat, t)", network, {"x": x, "t": labels}, chosen=["w1"], vector={"w1": u(3, 4)}),
    case("a convolution", "h = F.softplus(F.conv2d(x, w, b, padding=1))\nz = F.avg_pool2d(h, 2)", "z.square().mean()", {"w": u(2, 1, 2, 2), "b": u(2)}, {"x": u(2, 1, 4, 4)}),
    case("a determinant", "z = torch.linalg.slogdet(a @ a.T + torch.eye(3))[1]", "z", {"a": u(3, 3)}),
    case("a condition on a tensor", "z = a\nwhile z.sum() < 10:\n    z = z * z + 1", "z.sum()", {"a": torch.tensor([1.1, 0.7])}),
    case("a linear loss", "z = (a * 3).sum()", "z", {"a": u(2)}),
    case("a gradient within the program", "z = (a**4).sum()\ng, = torch.autograd.grad(z, a, create_graph=True)", "(g**2).sum()", {"a": u(2).requires_grad_()}),
]
if __name__ == "__main__":
    with open(os.path.join(HERE, "hessian.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(len(cases), "cases, PyTorch", torch.__version__)
