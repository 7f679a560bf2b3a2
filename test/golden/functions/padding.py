#!/usr/bin/env python3
"""Makes padding.json:  python3 test/golden/functions/padding.py"""
import torch
from golden import Family

family = Family("padding")
add, u = family.add, family.uniform

add("constant/last dimension", "out = F.pad(x, (1, 2))", {"x": u(2, 3)})
add("constant/value, several dimensions", "out = F.pad(x, (1, 0, 2, 1, 0, 1), 'constant', 0.7)", {"x": u(2, 3, 2)})
add("constant/negative", "out = F.pad(x, (-1, 2, 0, -1), value=-1.5)", {"x": u(4, 5)})
add("constant/nothing", "out = F.pad(x, (0, 0)) + F.pad(x, [])", {"x": u(2, 3)})
add("constant/ints and bools", "out = F.pad(n, (1, 1), value=7) * F.pad(n > 2, (1, 1)) * a", {"a": u(1)}, {"n": family.integers(2, 3)})
add("constant/empty", "out = F.pad(x[:0], (0, 0, 1, 1), value=2.0) * x", {"x": u(2, 3)})
for mode in ("reflect", "replicate", "circular"):
    add(f"{mode}/1d", f"out = F.pad(x, (2, 1), mode='{mode}')", {"x": u(2, 3, 5)})
    # Circular padding without a batch is missing in PyTorch 1.13.
    wrapped = {"reference": lambda x: torch.cat([x, x[:, :3]], 1)} if mode == "circular" else {}
    add(f"{mode}/1d, no batch", f"out = F.pad(x, pad=(0, 3), mode='{mode}')", {"x": u(2, 5)}, **wrapped)
    add(f"{mode}/2d", f"out = F.pad(x, (1, 2, 2, 0), '{mode}')", {"x": u(2, 2, 4, 5)})
    add(f"{mode}/3d", f"out = F.pad(x, (1, 0, 0, 2, 1, 1), '{mode}')", {"x": u(1, 2, 3, 4, 3)})
add("circular/whole size", "out = F.pad(x, (3, 3), 'circular')", {"x": u(1, 2, 3)})
add("replicate/more than there are", "out = F.pad(x, (4, 5), 'replicate')", {"x": u(1, 2, 3)})
add("reflect/one side cut", "out = F.pad(x, (-1, 2), 'reflect')", {"x": u(1, 2, 5)})
add("replicate/one side cut", "out = F.pad(x, (2, -1), 'replicate')", {"x": u(1, 2, 5)})
family.write()
