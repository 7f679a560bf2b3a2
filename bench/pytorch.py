"""Eager PyTorch, one thread: trains one request for as long as it is asked to.

Reads the request as the first line of its input, then numbers of seconds; answers each with the steps it made in the
milliseconds that they took. The loop is the textbook's: zero_grad, forward, loss, backward, step, and the loss as a
number, for every step.
"""
import base64
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
request = json.loads(sys.stdin.readline())
torch.manual_seed(request.get("seed", 0))


def tensor(value, dtype=None):
    if isinstance(value, dict):
        return torch.frombuffer(bytearray(base64.b64decode(value["base64"])), dtype=torch.float32).reshape(value["shape"])
    return torch.tensor(value, dtype=dtype)


model, loss = request["model"], request["loss"]
# Class labels stay whole numbers; JSON does not tell 1.0 from 1.
dtype = None if "layers" in model else torch.float32
data = {name: tensor(value, dtype) for name, value in request["data"].items()}
if "layers" in model:
    network = nn.Sequential(*(getattr(nn, layer.pop("type"))(**layer) for layer in model["layers"]))
    criterion = getattr(nn, loss["type"])()
    parameters = list(network.parameters())

    def loss_of(x, y):
        return criterion(network(x), y)
else:
    values = {name: torch.tensor(p["value"], dtype=dtype, requires_grad=True) for name, p in model["parameters"].items()}
    parameters = list(values.values())
    space = {"torch": torch, "F": F, **values}
    exec(f"def loss_of(x, y):\n    {model['forward']}\n    return {loss}", space)
    loss_of = space["loss_of"]

options = dict(request["optimizer"])
optimizer = getattr(torch.optim, options.pop("type"))(parameters, **options)
size = request.get("batch_size")
rows = len(data["y"]) if size else 1
batches = [{k: v[i:i + size] for k, v in data.items()} for i in range(0, rows, size)] if size else [data]

# What PyTorch's products reach depends on the BLAS that it finds; say it.
a = torch.rand(512, 512)
for repeat in range(4):
    start = time.perf_counter()
    a @ a
    flops = 2 * 512 ** 3 / (time.perf_counter() - start)
print(f"PyTorch {torch.__version__}, {flops / 1e9:.0f} GFLOP/s in products of 512 x 512", flush=True)

at = 0
for line in sys.stdin:
    seconds = float(line)
    start = time.perf_counter()
    steps, total = 0, 0.0
    while True:
        for _ in range(10):
            batch = batches[at % len(batches)]
            at += 1
            optimizer.zero_grad()
            value = loss_of(batch["x"], batch["y"])
            value.backward()
            optimizer.step()
            total += value.item()
        steps += 10
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
    print(json.dumps({"steps": steps, "ms": elapsed * 1000, "loss": total}), flush=True)
