"""Runs whole programs: the inputs as JSON on the first line of the input, then a program (its text, the names of its
inputs, a dtype) on each line; on each line of the output what PyTorch makes of `out`: its tensors and the gradients of
their weighted sum, or why it refuses.
"""
import json
import math
import sys
import warnings
import torch
from torch import nn
from torch.nn import functional as F

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in tensors_of(item)]
    if isinstance(value, (bool, int, float)):
        return [torch.tensor(value)]
    if isinstance(value, (torch.Size, str, type(None), torch.dtype)):
        return []
    raise TypeError("out: " + str(type(value)))


def plain(t):
    """Numbers as JSON has them, the others as text."""
    return {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "data": [x if math.isfinite(x) else str(x) for x in t.detach().double().flatten().tolist()]}


def run(program, inputs):
    dtype = getattr(torch, program["dtype"])
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    space = {"torch": torch, "nn": nn, "F": F, "math": math}
    leaves = {}
    for name in program["names"]:
        given = inputs[name]
        value = torch.tensor(given["data"], dtype=getattr(torch, given["dtype"], None) if given["dtype"] != "float" else dtype).reshape(given["shape"])
        if given["dtype"] == "float":
            leaves[name] = value.requires_grad_()
        space[name] = value
    exec(program["text"], space)
    outputs = tensors_of(space["out"])
    answer = {"outputs": [plain(t) for t in outputs]}
    # Of float tensors only, and only where they are finite: what is compared is a sum.
    loss = torch.zeros((), dtype=torch.float64)
    for i, t in enumerate(outputs):
        if t.is_floating_point() and t.numel() > 0 and t.requires_grad:
            loss = loss + (t.double().flatten() * torch.cos(torch.arange(t.numel(), dtype=torch.float64) + i)).sum()
    if loss.requires_grad:
        try:
            loss.backward()
            answer["gradients"] = {name: plain(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad + 0) for name, leaf in leaves.items()}
        except (RuntimeError, NotImplementedError) as error:
            answer["no_gradient"] = str(error).split("\n")[0][:200]
    return answer


answers, sys.stdout = sys.stdout, sys.stderr  # a program may print
inputs = json.loads(sys.stdin.readline())
for text in sys.stdin:
    try:
        answer = run(json.loads(text), inputs)
    except Exception as error:  # whatever PyTorch refuses with
        answer = {"refused": type(error).__name__ + ": " + str(error).split("\n")[0][:300]}
    print(json.dumps(answer), file=answers, flush=True)
