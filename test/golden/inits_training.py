#!/usr/bin/env python3
"""Makes inits-training.json: every initialisation with other options than the defaults, in models of many parameters,
so that each draw begins where the one before has ended. Ten steps of each.

Needs a PyTorch without MKL (Debian: python3-torch):  python3 test/golden/inits_training.py
"""
import math
import torch
from torch.nn import init
from random_training import write

DRAWN = {"normal", "trunc_normal", "xavier_normal", "kaiming_normal", "orthogonal", "sparse"}


def run(name, parameters, dtype="float32", seed=0, steps=10):
    torch.set_default_dtype(getattr(torch, dtype))
    torch.manual_seed(seed)
    drawn = {}
    for key, (shape, type, options) in parameters.items():
        drawn[key] = torch.empty(shape)
        getattr(init, type + "_")(drawn[key], **options)
    initial = {key: value.tolist() for key, value in drawn.items()}
    leaves = {key: value.clone().requires_grad_() for key, value in drawn.items()}
    forward = [f"l{i} = (torch.sin({key} * 2 + 0.3) ** 2).mean()" for i, key in enumerate(leaves)] + ["y_hat = " + " + ".join(f"l{i}" for i in range(len(leaves)))]
    optimizer = torch.optim.SGD(leaves.values(), lr=0.1)
    losses, norms, first = [], [], None
    for _ in range(steps):
        space = {"torch": torch, **leaves}
        exec("\n".join(forward), space)
        optimizer.zero_grad()
        space["y_hat"].backward()
        losses.append(space["y_hat"].item())
        norms.append(math.sqrt(sum((p.grad.double() ** 2).sum().item() for p in leaves.values())))
        first = first or {key: p.grad.tolist() for key, p in leaves.items()}
        optimizer.step()
    return {
        "name": f"init/{name}/{dtype}",
        "request": {"model": {"parameters": {key: {"shape": list(shape), "init": {"type": type, **options}} for key, (shape, type, options) in parameters.items()}, "forward": forward}, "loss": "y_hat", "data": {}, "optimizer": {"type": "SGD", "lr": 0.1}, "steps": steps, "dtype": dtype, "seed": seed},
        "expect": {
            "losses": losses, "grad_norms": norms, "first_gradients": first, "initial_state": initial, "final_state": {key: p.tolist() for key, p in leaves.items()},
            "normal": [key for key, (_, type, _options) in parameters.items() if type in DRAWN],
        },
    }


EVERY = {
    "a": ((3, 2), "uniform", dict(a=-0.3, b=0.9)), "b": ((5, 4), "normal", dict(mean=0.5, std=0.2)), "c": ((3,), "normal", dict(std=2.0)), "d": ((4, 5), "trunc_normal", dict(mean=0.1, std=0.5, a=-0.6, b=0.4)),
    "e": ((2,), "constant", dict(val=0.7)), "f": ((2, 3), "zeros", {}), "g": ((2, 3), "ones", {}), "h": ((3, 4), "eye", {}), "i": ((5, 3, 2), "xavier_uniform", dict(gain=1.7)), "j": ((4, 6), "xavier_normal", dict(gain=0.6)),
    "k": ((4, 3, 3), "kaiming_uniform", dict(a=0.2, mode="fan_out", nonlinearity="leaky_relu")), "l": ((6, 3), "kaiming_normal", dict(mode="fan_out", nonlinearity="selu")), "m": ((4, 6), "orthogonal", dict(gain=1.4)),
    "n": ((6, 2, 2), "orthogonal", dict(gain=-0.5)), "o": ((7, 4), "sparse", dict(sparsity=0.3, std=0.2)), "p": ((6, 2, 3), "dirac", dict(groups=2)), "q": ((3, 4), "uniform", {}),
}
SIZES = {f"w{n}{m}": ((n, m), "orthogonal", {}) for n, m in ((1, 1), (1, 3), (3, 1), (4, 4), (5, 3), (3, 5))}
TAILS = {
    "wide": ((40,), "trunc_normal", dict(a=-3.5, b=3.5)), "narrow": ((20,), "trunc_normal", dict(std=2.0, a=-0.1, b=0.1)), "side": ((20,), "trunc_normal", dict(mean=2.0, std=1.5, a=1.0, b=5.0)), "few": ((3,), "trunc_normal", {}),
}
OTHERS = {
    "a": ((4, 3), "kaiming_uniform", dict(nonlinearity="conv_transpose2d")), "b": ((4, 3), "kaiming_normal", dict(nonlinearity="tanh")), "c": ((5, 5), "sparse", dict(sparsity=0.0)), "d": ((5, 3), "sparse", dict(sparsity=1.0)),
    "e": ((3, 3, 1, 4), "dirac", {}), "f": ((2, 4, 2, 3, 2), "dirac", {}), "g": ((5, 3), "eye", {}), "h": ((4, 3), "kaiming_uniform", dict(nonlinearity="relu", a=3.0)), "i": ((3, 4), "sparse", dict(sparsity=0.5)),
}

if __name__ == "__main__":
    cases = [run(name, parameters, dtype, seed) for dtype in ("float32", "float64") for name, parameters, seed in (("every kind", EVERY, 3), ("every kind, another seed", EVERY, 1234567890123), ("orthogonal", SIZES, 5), ("trunc_normal", TAILS, 6), ("further options", OTHERS, 7))]
    # A seed where float32 counts: computed in float64, one of the numbers is off by 1.7e-6.
    cases.append(run("a large table", {"w": ((64, 32), "normal", {})}, "float32", 69))
    write("inits-training.json", cases)
