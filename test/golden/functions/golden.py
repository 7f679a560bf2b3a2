"""What the case files of this folder share: inputs, and PyTorch's answer for a program.

A case is a program that makes `out` from parameters (whose gradients are compared) and data. The loss is the sum of
`out` times fixed weights. `reference` is a Python function of the same arguments for what this PyTorch lacks.
"""
import json
import math
import os
import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))


class Family:
    """The cases of one file, `NAME.json`."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self.generator = torch.Generator().manual_seed(sum(map(ord, name)))

    def uniform(self, *shape, low=-1.5, high=1.5):
        """Numbers with three digits, none of them closer than 0.01 to a multiple of 0.5, so away from kinks."""
        x = torch.rand(shape, generator=self.generator) * (high - low) + low
        x = (x * 1000).round() / 1000
        near = ((x * 2 - (x * 2).round()).abs() < 0.02)
        return torch.where(near, x + 0.03 * math.copysign(1, high + low), x)

    def integers(self, *shape, low=0, high=10):
        return torch.randint(low, high, shape, generator=self.generator)

    def bools(self, *shape):
        return torch.rand(*shape, generator=self.generator) < 0.5

    def add(self, name, program, parameters=None, data=None, reference=None):
        """`parameters` and `data` are tensors by name; `program` is a string or a list of lines that sets `out`."""
        parameters, data = parameters or {}, data or {}
        assert name not in [case["name"] for case in self.cases], f"{name} is there twice"
        leaves = {key: value.clone().requires_grad_() for key, value in parameters.items()}
        lines = program if isinstance(program, list) else program.split("\n")
        space = {"torch": torch, "nn": nn, "F": F, "math": math, **leaves, **{key: value.clone() for key, value in data.items()}}
        if reference is None:
            exec("\n".join(lines), space)
            out = space["out"]
        else:
            out = reference(**leaves, **data)
        floating = out.is_floating_point()
        out = out if floating else out.double()
        weights = self.uniform(*out.shape)
        loss = (out * weights).sum()
        if leaves:
            loss.backward()
        gradients = {key: (torch.zeros_like(leaf) + (leaf.grad if leaf.grad is not None else 0)).tolist() for key, leaf in leaves.items()}
        request = {
            "model": {"parameters": {key: {"value": plain(value)} for key, value in parameters.items()}, "forward": lines},
            "loss": "(out * weights).sum()" if floating else "(out.double() * weights).sum()",
            "data": {**{key: plain(value) for key, value in data.items()}, "weights": plain(weights)},
        }
        expect = {"loss": loss.item(), "gradients": gradients}
        assert math.isfinite(expect["loss"]), f"{name}: the loss is not finite"
        self.cases.append({"name": f"{self.name}/{name}", "request": request, "expect": expect})

    def write(self):
        with open(os.path.join(HERE, self.name + ".json"), "w") as file:
            file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases) + "\n]\n")
        print(len(self.cases), "cases in", self.name + ".json, PyTorch", torch.__version__)


def plain(value):
    """A tensor as the service takes it. Shapes with a 0 need the form that names the shape."""
    if value.dtype == torch.float64 and value.numel() > 0:
        return value.tolist()
    dtype = str(value.dtype).removeprefix("torch.")
    return {"data": value.flatten().tolist(), "shape": list(value.shape), "dtype": dtype}
