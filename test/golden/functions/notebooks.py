#!/usr/bin/env python3
"""Makes notebooks.json from notebooks.txt: forward passes and losses as people write them.  python3 test/golden/functions/notebooks.py

A program begins with a line that names it and ends where `====` stands; it sets `out`, a tensor or several.
"""
import os
import re
import warnings
import torch
from golden import HERE, Family

warnings.simplefilter("ignore")
family = Family("notebooks")
shapes = {"s": (), "v": (5,), "w": (4,), "m": (3, 4), "m2": (3, 4), "q": (4, 4), "q2": (4, 4), "t": (2, 3, 4), "t2": (2, 3, 4), "sig": (2, 4, 9), "img": (2, 4, 6, 7), "emb": (6, 4)}
floats = {name: family.uniform(*shape) if shape else family.uniform(1)[0] for name, shape in shapes.items()}
data = {"lab": torch.tensor([2, 0, 3]), "bag": torch.tensor([0, 5, 2, 2, 1, 4, 3]), "mask": family.bools(3, 4)}
flattening = [
    "def parts_of(value):",
    "    if isinstance(value, torch.Tensor):",
    "        return [value]",
    "    return [part for item in value for part in parts_of(item)]",
    "out = torch.cat([part.reshape(-1).to(torch.get_default_dtype()) for part in parts_of(out)])",
]


def used(text, names):
    return {name: names[name] for name in names if re.search(rf"(?<![\w.'\"]){name}(?![\w'\"]|\s*=[^=])", text)}


with open(os.path.join(HERE, "notebooks.txt")) as file:
    programs = file.read().strip("\n").split("\n====\n")
for program in programs:
    title, *lines = program.split("\n")
    family.add(title.removeprefix("# "), lines + flattening, used(program, floats), used(program, data))
family.write()
