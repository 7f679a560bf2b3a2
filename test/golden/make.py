#!/usr/bin/env python3
"""Makes own-training.json, examples.json and random.json with PyTorch: runs with other options than training.json has.

Run it with a Python that has torch (Debian: python3-torch):  python3 test/golden/make.py
"""
import json
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS = [
    {"type": "Linear", "in_features": 3, "out_features": 8},
    {"type": "Tanh"},
    {"type": "Linear", "in_features": 8, "out_features": 2},
]


def rounded(t):
    return [[round(v, 3) for v in row] for row in t.tolist()]


def make_model(layers):
    modules = []
    for layer in layers:
        options = {k: v for k, v in layer.items() if k not in ("type", "layers")}
        if layer["type"] == "Sequential":
            modules.append(make_model(layer["layers"]))
        else:
            modules.append(getattr(nn, layer["type"])(**options))
    return nn.Sequential(*modules)


def train(request):
    """What PyTorch makes of a request whose model is layers."""
    dtype = request.get("dtype", "float32")
    torch.set_default_dtype(getattr(torch, dtype))
    x, y = (torch.tensor(request["data"][name]) for name in ("x", "y"))
    optimizer, loss = request["optimizer"], request["loss"]
    steps, epochs, batch_size = request.get("steps"), request.get("epochs"), request.get("batch_size")
    clip_grad_value = request.get("clip_grad_value")

    torch.manual_seed(request.get("seed", 0))
    model = make_model(request["model"]["layers"])
    initial = {k: v.tolist() for k, v in model.state_dict().items()}
    options = {k: v for k, v in optimizer.items() if k != "type"}
    opt = getattr(torch.optim, optimizer["type"])(model.parameters(), **options)
    loss_options = {k: v for k, v in loss.items() if k != "type"}
    if isinstance(loss_options.get("weight"), list):
        loss_options["weight"] = torch.tensor(loss_options["weight"])
    if isinstance(loss_options.get("pos_weight"), list):
        loss_options["pos_weight"] = torch.tensor(loss_options["pos_weight"])
    criterion = getattr(nn, loss["type"])(**loss_options)
    loader = DataLoader(TensorDataset(x, y), batch_size=batch_size or len(x), shuffle=request.get("shuffle", False), drop_last=request.get("drop_last", False))
    losses, norms, first = [], [], None
    total = steps if steps is not None else epochs * len(loader)
    while len(losses) < total:
        for xb, yb in loader:
            opt.zero_grad()
            value = criterion(model(xb), yb)
            value.backward()
            grads = {k: p.grad.clone() for k, p in model.named_parameters()}
            norms.append(torch.sqrt(sum((g.double() ** 2).sum() for g in grads.values())).item())
            first = first or {k: g.tolist() for k, g in grads.items()}
            if clip_grad_value is not None:
                nn.utils.clip_grad_value_(model.parameters(), clip_grad_value)
            opt.step()
            losses.append(value.item())
            if len(losses) == total:
                break
    return {
        "losses": losses, "grad_norms": norms, "first_gradients": first, "initial_state": initial,
        "final_state": {k: v.tolist() for k, v in model.state_dict().items()},
    }


def run(name, *, layers=LAYERS, loss=None, optimizer, classes=False, rows=10, steps=None, epochs=None, batch_size=None,
        shuffle=False, drop_last=False, seed=0, dtype="float64", clip_grad_value=None):
    torch.set_default_dtype(getattr(torch, dtype))
    data = torch.Generator().manual_seed(rows * 1000 + len(name))
    width = next(l for l in (layers[0], *layers[0].get("layers", [])) if "in_features" in l)["in_features"]
    x = rounded(torch.rand(rows, width, generator=data) * 3 - 1.5)
    y = torch.randint(0, 2, (rows,), generator=data).tolist() if classes else rounded(torch.rand(rows, 2, generator=data) * 3 - 1.5)
    loss = loss or {"type": "CrossEntropyLoss" if classes else "MSELoss"}
    request = {"model": {"layers": layers}, "loss": loss, "data": {"x": x, "y": y}, "optimizer": optimizer, "dtype": dtype, "seed": seed}
    for key, value in (("steps", steps), ("epochs", epochs), ("batch_size", batch_size), ("clip_grad_value", clip_grad_value)):
        if value is not None:
            request[key] = value
    if shuffle:
        request["shuffle"] = True
    if drop_last:
        request["drop_last"] = True
    expect = train(request)
    if dtype == "float64":
        request["state"] = expect["initial_state"]
    return {"name": name, "request": request, "expect": expect}


def example(name):
    """A run of examples/NAME.json: its request stays there."""
    with open(os.path.join(HERE, "..", "..", "examples", name + ".json")) as file:
        return {"name": name, "expect": train(json.load(file))}


SGD = {"type": "SGD", "lr": 0.1}
nested = [
    {"type": "Sequential", "layers": [{"type": "Linear", "in_features": 4, "out_features": 5, "bias": False}, {"type": "LeakyReLU", "negative_slope": 0.2}]},
    {"type": "Flatten"},
    {"type": "Linear", "in_features": 5, "out_features": 2},
    {"type": "LogSoftmax", "dim": 1},
]


def activation(layer):
    return [LAYERS[0], layer, LAYERS[2]]


cases = [
    run("sgd/momentum+decay+nesterov", optimizer={"type": "SGD", "lr": 0.05, "momentum": 0.8, "weight_decay": 0.02, "nesterov": True}, steps=15),
    run("sgd/dampening", optimizer={"type": "SGD", "lr": 0.05, "momentum": 0.9, "dampening": 0.3}, steps=15),
    run("sgd/decay", optimizer={"type": "SGD", "lr": 0.2, "weight_decay": 0.1}, steps=15),
    run("sgd/maximize", optimizer={"type": "SGD", "lr": 0.01, "momentum": 0.5, "maximize": True}, steps=10),
    run("adam/options", optimizer={"type": "Adam", "lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.05}, steps=20),
    run("adam/amsgrad", optimizer={"type": "Adam", "lr": 0.05, "amsgrad": True}, steps=20),
    run("adam/maximize", optimizer={"type": "Adam", "lr": 0.01, "maximize": True}, steps=10),
    run("adamw/defaults", optimizer={"type": "AdamW", "lr": 0.01}, steps=20),
    run("adamw/options", optimizer={"type": "AdamW", "lr": 0.03, "betas": [0.7, 0.9], "weight_decay": 0.3, "amsgrad": True}, steps=20),
    run("clip/value", optimizer=SGD, clip_grad_value=0.05, steps=8),
    run("batch/last is smaller", optimizer=SGD, classes=True, rows=10, batch_size=4, epochs=4),
    run("batch/drop_last", optimizer=SGD, classes=True, rows=10, batch_size=4, drop_last=True, epochs=4),
    run("batch/steps across epochs", optimizer={"type": "Adam", "lr": 0.05}, rows=7, batch_size=3, steps=11),
    run("batch/larger than the data", optimizer=SGD, rows=5, batch_size=8, steps=3),
    run("shuffle/float64", optimizer=SGD, classes=True, rows=13, batch_size=4, shuffle=True, epochs=4, seed=11),
    run("shuffle/float32", optimizer={"type": "Adam", "lr": 0.02}, classes=True, rows=13, batch_size=5, shuffle=True, epochs=5, seed=123, dtype="float32"),
    run("shuffle/drop_last", optimizer=SGD, rows=11, batch_size=3, shuffle=True, drop_last=True, epochs=3, seed=5, dtype="float32"),
    run("seed/large", optimizer=SGD, rows=10, steps=5, seed=2**40 + 17, dtype="float32"),
    run("layers/nested", layers=nested, loss={"type": "NLLLoss"}, optimizer=SGD, classes=True, rows=9, steps=10, seed=3),
    run("loss/cross entropy: weights, smoothing, sum", loss={"type": "CrossEntropyLoss", "weight": [0.3, 1.7], "label_smoothing": 0.2, "reduction": "sum"}, optimizer={"type": "SGD", "lr": 0.01}, classes=True, steps=8),
    run("loss/cross entropy: weights, smoothing, mean", loss={"type": "CrossEntropyLoss", "weight": [0.3, 1.7], "label_smoothing": 0.2}, optimizer=SGD, classes=True, steps=8),
    run("loss/cross entropy: ignored class", loss={"type": "CrossEntropyLoss", "ignore_index": 1, "label_smoothing": 0.1}, optimizer=SGD, classes=True, steps=8),
    run("loss/cross entropy: probabilities", loss={"type": "CrossEntropyLoss", "label_smoothing": 0.1}, optimizer=SGD, steps=8),
    run("loss/bce: weights", loss={"type": "BCEWithLogitsLoss", "weight": [0.5, 2.0], "pos_weight": [3.0, 0.25]}, optimizer=SGD, steps=8),
    run("loss/smooth l1", loss={"type": "SmoothL1Loss", "beta": 0.4, "reduction": "sum"}, optimizer={"type": "SGD", "lr": 0.01}, steps=8),
    run("loss/l1 sum", loss={"type": "L1Loss", "reduction": "sum"}, optimizer={"type": "SGD", "lr": 0.01}, steps=8),
]
for layer in (
    {"type": "ELU", "alpha": 0.7}, {"type": "CELU", "alpha": 1.7}, {"type": "GELU"}, {"type": "GELU", "approximate": "tanh"}, {"type": "SiLU"}, {"type": "Mish"},
    {"type": "Softplus", "beta": 2.0, "threshold": 1.0}, {"type": "LeakyReLU"}, {"type": "ReLU6"}, {"type": "Hardsigmoid"}, {"type": "Hardswish"},
    {"type": "LogSigmoid"}, {"type": "Softsign"}, {"type": "Tanhshrink"}, {"type": "Softshrink", "lambd": 0.2}, {"type": "Hardshrink", "lambd": 0.2},
    {"type": "Threshold", "threshold": 0.1, "value": -0.5}, {"type": "Hardtanh", "min_val": -0.4, "max_val": 0.6}, {"type": "Softmax", "dim": 1}, {"type": "Softmax"},
    {"type": "LogSoftmax"}, {"type": "Identity"},
):
    cases.append(run(f"layer/{json.dumps(layer)}", layers=activation(layer), optimizer=SGD, steps=6))

torch.set_default_dtype(torch.float32)
draws = []
for seed in (0, 1, 42, 4294967295, 2**33 + 5):
    torch.manual_seed(seed)
    uniform = torch.empty(40).uniform_(-0.0357, 0.0357).tolist()
    uniform64 = torch.empty(40, dtype=torch.float64).uniform_(2, 5).tolist()
    few = torch.empty(5).normal_(1, 2).tolist() + torch.empty(2, dtype=torch.float64).normal_().tolist()
    many = torch.empty(37).normal_(0, 0.5).tolist()
    many64 = torch.empty(18, dtype=torch.float64).normal_(3, 1).tolist()
    order = torch.randperm(23).tolist()
    epochs = [[int(i) for i in batch] for batch in DataLoader(list(range(9)), batch_size=9, shuffle=True)]
    epochs += [[int(i) for i in batch] for batch in DataLoader(list(range(9)), batch_size=9, shuffle=True)]
    draws.append({"seed": seed, "uniform": uniform, "uniform64": uniform64, "few": few, "many": many, "many64": many64, "order": order, "epochs": epochs})

for file, content in (("own-training.json", cases), ("examples.json", [example("iris")]), ("random.json", draws)):
    with open(os.path.join(HERE, file), "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in content) + "\n]\n")
print(len(cases), "runs,", len(draws), "seeds, PyTorch", torch.__version__)
