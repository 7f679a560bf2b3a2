"""Eager PyTorch: trains one request for as long as it is asked to.

Reads the request and the initial state as the first line of its input, then numbers of seconds; answers each with the
steps it made in the milliseconds that they took. The loop is the textbook's: zero_grad, forward, loss, backward, step,
and the loss as a number, for every step. The first answer has the loss of the first step.
"""
import base64
import json
import math
import os
import re
import sys
import time

# OpenBLAS takes its slowest kernels on processors that are newer than it: name the best ones that it has.
try:
    flags = re.search(r"^flags.*", open("/proc/cpuinfo").read(), re.M)[0].split()
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX" if "avx512vl" in flags else "Haswell" if "avx2" in flags else "")
except (OSError, TypeError):
    pass

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
job = json.loads(sys.stdin.readline())
request, state = job["request"], job["state"]
DTYPES = {"float32": torch.float32, "int64": torch.int64}


def tensor(value, dtype=None):
    if isinstance(value, dict) and "base64" in value:
        return torch.frombuffer(bytearray(base64.b64decode(value["base64"])), dtype=DTYPES[value["dtype"]]).reshape(value["shape"]).clone()
    if isinstance(value, dict):
        return torch.tensor(value["data"], dtype=DTYPES[value["dtype"]]).reshape(value["shape"])
    return torch.tensor(value, dtype=dtype)


def layer(spec):
    spec = dict(spec)
    kind = spec.pop("type")
    return getattr(nn, kind)(**{name: layer(value) if isinstance(value, dict) and "type" in value else value for name, value in spec.items()})


model, loss = request["model"], request["loss"]
# Class labels stay whole numbers; JSON does not tell 1.0 from 1.
dtype = None if "layers" in model else torch.float32
data = {name: tensor(value, dtype) for name, value in request["data"].items()}
if "layers" in model:
    network = nn.Sequential(*(layer(spec) for spec in model["layers"]))
    network.load_state_dict({name: tensor(value) for name, value in state.items()})
    criterion = getattr(nn, loss["type"])()
    parameters = list(network.parameters())

    def loss_of(x, y):
        return criterion(network(x), y)
else:
    modules = {name: layer(spec) for name, spec in model.get("modules", {}).items()}
    for name, module in modules.items():
        module.load_state_dict({key[len(name) + 1:]: tensor(value) for key, value in state.items() if key.startswith(name + ".")})
    values = {name: tensor(state[name]).requires_grad_() for name in model.get("parameters", {})}
    parameters = [*(p for module in modules.values() for p in module.parameters()), *values.values()]
    space = {"torch": torch, "F": F, "math": math, **modules, **values}
    body = "".join(f"    {text}\n" for text in model["forward"].split("\n"))
    exec(f"def loss_of({', '.join(data)}):\n{body}    return {loss}", space)
    loss_of = space["loss_of"]

options = dict(request["optimizer"])
optimizer = getattr(torch.optim, options.pop("type"))(parameters, **options)
size = request.get("batch_size")
rows = len(data["y"]) if size else 1
batches = [{k: v[i:i + size] for k, v in data.items()} for i in range(0, rows, size)] if size else [data]

# What PyTorch's products reach depends on the BLAS that it finds; say it.
a = torch.rand(512, 512)
flops = 0.0
for repeat in range(8):
    start = time.perf_counter()
    a @ a
    flops = max(flops, 2 * 512 ** 3 / (time.perf_counter() - start))
about = f"PyTorch {torch.__version__}, {flops / 1e9:.0f} GFLOP/s in products of 512 x 512"
print(json.dumps({"about": about, "loss": loss_of(**batches[0]).item()}), flush=True)

at = 0
for line in sys.stdin:
    seconds = float(line)
    start = time.perf_counter()
    steps, total = 0, 0.0
    while True:
        for _ in range(max(1, min(10, len(batches) if size else 10))):
            batch = batches[at % len(batches)]
            at += 1
            optimizer.zero_grad()
            value = loss_of(**batch)
            value.backward()
            optimizer.step()
            total += value.item()
            steps += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
    print(json.dumps({"steps": steps, "ms": elapsed * 1000, "loss": total}), flush=True)
