#!/usr/bin/env python3
"""Makes random-training.json: training runs whose programs draw random numbers in every step.

Needs a PyTorch without MKL (Debian: python3-torch):  python3 test/golden/random_training.py
"""
import json
import math
import os
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

assert not torch.backends.mkl.is_available()
HERE = os.path.dirname(os.path.abspath(__file__))


def rounded(t):
    return [[round(v, 3) for v in row] for row in t.tolist()]


def train(request):
    """What PyTorch makes of a request whose model is modules and a program."""
    torch.set_default_dtype(getattr(torch, request["dtype"]))
    x, y = (torch.tensor(request["data"][name]) for name in ("x", "y"))
    torch.manual_seed(request["seed"])
    modules = nn.ModuleDict()
    for name, spec in request["model"]["modules"].items():
        modules[name] = getattr(nn, spec["type"])(**{k: v for k, v in spec.items() if k != "type"})
    initial = {k: v.tolist() for k, v in modules.state_dict().items()}
    optimizer = dict(request["optimizer"])
    opt = getattr(torch.optim, optimizer.pop("type"))(modules.parameters(), **optimizer)

    def step(xb, yb):
        space = {"torch": torch, "F": F, "math": math, "x": xb, "y": yb, **modules}
        exec("\n".join(request["model"]["forward"]), space)
        opt.zero_grad()
        value = eval(request["loss"], space)
        value.backward()
        grads = {k: p.grad.clone() for k, p in modules.named_parameters()}
        norm = torch.sqrt(sum((g.double() ** 2).sum() for g in grads.values())).item()
        opt.step()
        return value.item(), norm, {k: g.tolist() for k, g in grads.items()}

    done = []
    total = request.get("steps")
    if "batch_size" in request:
        loader = DataLoader(TensorDataset(x, y), batch_size=request["batch_size"], shuffle=request.get("shuffle", False), drop_last=request.get("drop_last", False))
        total = total if total is not None else request["epochs"] * len(loader)
        while len(done) < total:
            for xb, yb in loader:
                done.append(step(xb, yb))
                if len(done) == total:
                    break
    else:
        done = [step(x, y) for _ in range(total)]
    return {
        "losses": [loss for loss, _, _ in done], "grad_norms": [norm for _, norm, _ in done], "first_gradients": done[0][2],
        "initial_state": initial, "final_state": {k: v.tolist() for k, v in modules.state_dict().items()},
    }


MODULES = {"fc1": {"type": "Linear", "in_features": 3, "out_features": 8}, "fc2": {"type": "Linear", "in_features": 8, "out_features": 2}}
SGD = {"type": "SGD", "lr": 0.1}


def write(file, cases):
    with open(os.path.join(HERE, file), "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
    print(len(cases), "runs, PyTorch", torch.__version__)


def run(name, forward, *, loss="F.mse_loss(y_hat, y)", classes=False, optimizer=SGD, rows=10, dtype="float64", seed=0, **how):
    torch.set_default_dtype(torch.float64)
    data = torch.Generator().manual_seed(rows * 1000 + len(name.split("/", 1)[1]))
    x = rounded(torch.rand(rows, 3, generator=data) * 3 - 1.5)
    y = torch.randint(0, 2, (rows,), generator=data).tolist() if classes else rounded(torch.rand(rows, 2, generator=data) * 3 - 1.5)
    request = {"model": {"modules": MODULES, "forward": forward.split("\n")}, "loss": loss, "data": {"x": x, "y": y}, "optimizer": optimizer, "dtype": dtype, "seed": seed, **how}
    return {"name": name, "request": request, "expect": train(request)}


if __name__ == "__main__":
    DROPOUT = "h = F.dropout(torch.tanh(fc1(x)), 0.3)\ny_hat = fc2(h)"
    MANY = "h = torch.tanh(fc1(F.dropout(x, 0.1)))\nh = F.dropout(h, p=0.5, training=True)\ny_hat = fc2(h + 0.1 * torch.randn_like(h))"
    cases = [
        run("random/dropout", DROPOUT, steps=30),
        run("random/dropout/float32", DROPOUT, steps=30, dtype="float32", seed=5),
        run("random/dropout/off in training", "y_hat = fc2(F.dropout(torch.tanh(fc1(x)), 0.3, training=False))\nu = torch.rand(3)", steps=3, seed=8),
        run("random/dropout/minibatches", DROPOUT, rows=11, batch_size=4, epochs=4, seed=3),
        run("random/dropout/minibatches, shuffled", DROPOUT, rows=11, batch_size=4, shuffle=True, epochs=5, seed=3),
        run("random/dropout/minibatches, shuffled, float32", DROPOUT, rows=11, batch_size=4, shuffle=True, epochs=5, seed=4, dtype="float32"),
        run("random/dropout/minibatches, shuffled, drop_last, across epochs", DROPOUT, rows=11, batch_size=3, shuffle=True, drop_last=True, steps=13, seed=9),
        run("random/dropout and noise", MANY, rows=9, steps=20, seed=1, optimizer={"type": "Adam", "lr": 0.02}),
        run("random/dropout and noise/minibatches", MANY, rows=9, batch_size=2, shuffle=True, epochs=3, seed=1, optimizer={"type": "Adam", "lr": 0.02}),
        run("random/draws in the loss", DROPOUT, loss="F.cross_entropy(y_hat + torch.rand(y_hat.shape), y) + 0.01 * torch.randint(5, ()).double()", classes=True, steps=8, seed=2),
        run("random/a batch of one at the end", "h = fc1(x) + torch.randn(8)\ny_hat = fc2(F.dropout(h, 0.5))", rows=5, batch_size=2, shuffle=True, epochs=4, seed=6),
        run("random/few normal numbers keep their pair from step to step", "y_hat = fc2(torch.tanh(fc1(x))) + torch.randn(3).sum()", steps=9, seed=6),
        run("random/gumbel_softmax", "y_hat = F.gumbel_softmax(fc2(torch.tanh(fc1(x))), tau=0.8, hard=True)", steps=10, seed=7),
        run("random/bernoulli and permutation", "h = torch.tanh(fc1(x[torch.randperm(10)]))\ny_hat = fc2(h * torch.bernoulli(torch.full((10, 8), 0.6)))", steps=10, seed=7),
        run("random/alpha dropout of channels", "h = F.selu(fc1(x))\nh = F.feature_alpha_dropout(F.alpha_dropout(h, 0.2, True), 0.2, True)\ny_hat = fc2(h)", steps=10, seed=12, optimizer={"type": "SGD", "lr": 0.02}),
        run("random/manual_seed/the same draws in each step", "torch.manual_seed(7)\n" + DROPOUT, steps=6, seed=12),
        run("random/manual_seed/decides the shuffle of the next epoch", "torch.manual_seed(7)\n" + DROPOUT, rows=8, batch_size=3, shuffle=True, epochs=3, seed=12),
    ]
    write("random-training.json", cases)
