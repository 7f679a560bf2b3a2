#!/usr/bin/env python3
"""Makes losses-training.json: ten steps of SGD with each loss class, as a spec ({"type": "HuberLoss", …}) and in a program.

Needs a PyTorch without MKL (Debian: python3-torch):  python3 test/golden/losses_training.py
"""
import torch
from torch import nn
from torch.nn import functional as F
from random_training import write

torch.set_default_dtype(torch.float64)
ROWS, IN, OUT = 8, 3, 4
MLP = "y_hat = fc2(torch.tanh(fc1(x)))"
PROBABILITIES = "y_hat = torch.sigmoid(fc2(torch.tanh(fc1(x))))"
LOGS = "y_hat = F.log_softmax(fc2(torch.tanh(fc1(x))), dim=1)"
generator = torch.Generator().manual_seed(20)


def uniform(*shape, low=-1.5, high=1.5):
    return ((torch.rand(shape, generator=generator) * (high - low) + low) * 1000).round() / 1000


def integers(high, *shape, low=0):
    return torch.randint(low, high, shape, generator=generator)


def signs(*shape):
    return integers(2, *shape) * 2.0 - 1


def python(value):
    return f"torch.tensor({value})" if isinstance(value, list) else repr(value)


def train(request, text):
    """What PyTorch makes of the request, with the loss `text`."""
    torch.set_default_dtype(getattr(torch, request["dtype"]))
    data = {key: torch.tensor(value) for key, value in tensors(request).items()}
    torch.manual_seed(request["seed"])
    model, space = request["model"], {"torch": torch, "nn": nn, "F": F}
    if "layers" in model:
        module = nn.Sequential(*[getattr(nn, layer["type"])(**{k: v for k, v in layer.items() if k != "type"}) for layer in model["layers"]])
    else:
        module = nn.ModuleDict({name: nn.Linear(spec["in_features"], spec["out_features"]) for name, spec in model["modules"].items()})
        space.update(module)
    initial = {k: v.tolist() for k, v in module.state_dict().items()}
    opt = torch.optim.SGD(module.parameters(), lr=request["optimizer"]["lr"])
    losses, norms, first, done = [], [], None, 0
    size = request.get("batch_size", ROWS)
    while done < request["steps"]:
        for start in range(0, ROWS, size):
            if done == request["steps"]:
                break
            names = {**space, **{key: value[start:start + size] for key, value in data.items()}}
            if "layers" in model:
                names["y_hat"] = module(names["x"])
            else:
                exec("\n".join(model["forward"]), names)
            opt.zero_grad()
            loss = eval(text, names)
            loss.backward()
            losses.append(loss.item())
            norms.append(torch.sqrt(sum((p.grad.double() ** 2).sum() for p in module.parameters())).item())
            first = first or {k: p.grad.tolist() for k, p in module.named_parameters()}
            opt.step()
            done += 1
    torch.set_default_dtype(torch.float64)
    return {"losses": losses, "grad_norms": norms, "first_gradients": first, "initial_state": initial, "final_state": {k: v.tolist() for k, v in module.state_dict().items()}}


def tensors(request):
    """Data of the request as PyTorch takes them: whole numbers are labels and lengths."""
    return {key: value["data"] if isinstance(value, dict) else value for key, value in request["data"].items()}


cases = []


def add(kind, options, y=None, *, forward=MLP, out=OUT, arguments=("y_hat", "y"), inputs=None, name=None, lr=0.1, dtype="float64", x=None, data=None, **how):
    """A run with the loss as a spec, and one with the loss in the program. Without `forward` the model is layers."""
    x = uniform(ROWS, IN) if x is None else x
    linear = [{"type": "Linear", "in_features": x.shape[-1], "out_features": 6}, {"type": "Linear", "in_features": 6, "out_features": out}]
    model = {"layers": [linear[0], {"type": "Tanh"}, linear[1]]} if forward is None else {"modules": dict(zip(("fc1", "fc2"), linear)), "forward": forward.split("\n")}
    given = {"x": x, **({} if y is None else {"y": y}), **(data or {})}
    columns = {key: {"data": value.tolist(), "dtype": "int64"} if key.endswith("lengths") else value.tolist() for key, value in given.items()}
    request = {"model": model, "data": columns, "optimizer": {"type": "SGD", "lr": lr}, "steps": 10, "dtype": dtype, "seed": len(cases), **how}
    text = f"nn.{kind}({', '.join(f'{key}={python(value)}' for key, value in options.items())})({', '.join(inputs or arguments)})"
    expect = train(request, text)
    spec = {"type": kind, **options, **({"inputs": inputs} if inputs else {})}
    name = f"losses/{kind}{'/' + name if name else ''}"
    cases.append({"name": name, "request": {**request, "loss": spec}, "expect": expect})
    cases.append({"name": f"{name}, in a program", "request": {**request, "loss": text}, "expect": expect})


y = uniform(ROWS, OUT)
classes, bits, distribution = integers(OUT, ROWS), integers(2, ROWS, OUT).double(), F.softmax(uniform(ROWS, OUT), 1)
weights = [0.5, 1.5, 1.0, 2.0]
add("MSELoss", {"reduction": "sum"}, y, lr=0.01)
add("MSELoss", {"size_average": False}, y, lr=0.01, name="size_average", forward=None)
add("MSELoss", {}, y, batch_size=3, name="other inputs", forward="predicted = fc2(torch.tanh(fc1(x)))", inputs=["predicted", "y"])
add("L1Loss", {"reduction": "sum"}, y, lr=0.01)
add("SmoothL1Loss", {"beta": 0.3}, y, forward=None)
add("SmoothL1Loss", {"beta": 0.7, "reduction": "sum"}, y, lr=0.02, dtype="float32", name="float32")
add("HuberLoss", {"delta": 0.4}, y)
add("HuberLoss", {"delta": 2.5, "reduction": "sum"}, y, lr=0.02, name="sum")
add("PoissonNLLLoss", {"log_input": True, "full": True}, integers(6, ROWS, OUT).double())
add("PoissonNLLLoss", {"log_input": False, "eps": 0.01, "reduction": "sum"}, integers(6, ROWS, OUT).double(), forward="y_hat = F.softplus(fc2(torch.tanh(fc1(x))))", lr=0.01, name="plain")
add("GaussianNLLLoss", {"full": True, "eps": 0.2}, y, arguments=("y_hat", "y", "var"), data={"var": uniform(ROWS, OUT, low=0.1, high=2)}, forward=None)
add("GaussianNLLLoss", {"reduction": "sum"}, y, forward="h = torch.tanh(fc1(x))\nmean = fc2(h)\nspread = torch.exp(h[:, :1])", inputs=["mean", "y", "spread"], lr=0.01, batch_size=5, name="variance of the model")
add("CrossEntropyLoss", {"weight": weights, "label_smoothing": 0.2, "ignore_index": 2}, classes, forward=None)
add("CrossEntropyLoss", {"weight": weights, "label_smoothing": 0.1}, distribution, name="probabilities")
add("CrossEntropyLoss", {"reduction": "sum"}, classes, lr=0.02, dtype="float32", name="float32", batch_size=4)
add("NLLLoss", {"weight": weights, "ignore_index": 1}, classes, forward=LOGS)
add("NLLLoss", {"reduction": "sum"}, classes, forward=LOGS, lr=0.02, name="sum")
add("BCELoss", {"weight": weights}, bits, forward=PROBABILITIES)
add("BCELoss", {"reduction": "sum", "weight": [[1.5]] * ROWS}, bits, forward=PROBABILITIES, lr=0.02, name="weights of the rows")
add("BCEWithLogitsLoss", {"weight": weights, "pos_weight": [3.0, 0.5, 1.0, 2.0]}, bits, forward=None)
add("KLDivLoss", {"reduction": "batchmean"}, distribution, forward=LOGS)
add("KLDivLoss", {"reduction": "sum", "log_target": True}, distribution.log(), forward=LOGS, lr=0.02, name="log_target")
add("SoftMarginLoss", {"reduction": "sum"}, signs(ROWS, OUT), lr=0.02)
add("MultiMarginLoss", {"p": 2, "margin": 0.7, "weight": weights}, classes, forward=None)
add("MultiMarginLoss", {"margin": 0.7, "reduction": "sum"}, classes, lr=0.02, name="p 1")
add("MultiLabelMarginLoss", {"reduction": "sum"}, torch.tensor([[0, 2, -1, 1], [3, -1, 0, 0], [1, 0, 2, -1], [-1, 0, 1, 2]] * 2), lr=0.02)
add("MultiLabelSoftMarginLoss", {"weight": weights, "reduction": "sum"}, bits, lr=0.02)
add("HingeEmbeddingLoss", {"margin": 0.6, "reduction": "sum"}, signs(ROWS, OUT), forward="y_hat = fc2(torch.tanh(fc1(x))).abs()", lr=0.01)
add("MarginRankingLoss", {"margin": 0.3}, signs(ROWS, OUT), arguments=("y_hat", "input2", "y"), data={"input2": uniform(ROWS, OUT)}, forward=None)
add("MarginRankingLoss", {"margin": 0.2, "reduction": "sum"}, signs(ROWS, 1), forward="first = fc2(torch.tanh(fc1(x)))\nsecond = fc2(torch.tanh(fc1(z)))", out=1, inputs=["first", "second", "y"], data={"z": uniform(ROWS, IN)}, lr=0.02, name="two passes")
add("CosineEmbeddingLoss", {"margin": 0.2}, signs(ROWS), forward="a = fc2(torch.tanh(fc1(x)))\nb = fc2(torch.tanh(fc1(z)))", inputs=["a", "b", "y"], data={"z": uniform(ROWS, IN)})
add("CosineEmbeddingLoss", {"margin": -0.3, "reduction": "sum"}, signs(ROWS), arguments=("y_hat", "input2", "y"), data={"input2": uniform(ROWS, OUT)}, forward=None, lr=0.02, name="layers")
TRIPLET = "def net(v):\n    return fc2(torch.tanh(fc1(v)))\nanchor, positive, negative = net(x), net(near), net(far)"
others = {"near": uniform(ROWS, IN), "far": uniform(ROWS, IN)}
add("TripletMarginLoss", {"margin": 0.8, "p": 1.5, "eps": 1e-3, "swap": True}, forward=TRIPLET, inputs=["anchor", "positive", "negative"], data=others)
add("TripletMarginLoss", {"margin": 2.0, "reduction": "sum"}, arguments=("y_hat", "positive", "negative"), data={"positive": uniform(ROWS, OUT), "negative": uniform(ROWS, OUT)}, forward=None, lr=0.02, name="layers")
CTC = "y_hat = F.log_softmax(fc2(torch.tanh(fc1(x))), dim=2).transpose(0, 1)"
sequences, lengths = uniform(ROWS, 9, IN), {"input_lengths": integers(10, ROWS, low=6), "target_lengths": integers(4, ROWS, low=1)}
add("CTCLoss", {"blank": 4}, integers(4, ROWS, 3), forward=CTC, out=5, arguments=("y_hat", "y", "input_lengths", "target_lengths"), x=sequences, data=lengths)
add("CTCLoss", {"reduction": "sum", "zero_infinity": True}, integers(5, ROWS, 3, low=1), forward=CTC, out=5, arguments=("y_hat", "y", "input_lengths", "target_lengths"), x=sequences, data={**lengths, "input_lengths": integers(6, ROWS, low=1)}, lr=0.01, batch_size=4, name="impossible ones, minibatches")
if __name__ == "__main__":
    write("losses-training.json", cases)
