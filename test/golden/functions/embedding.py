#!/usr/bin/env python3
"""Makes embedding.json:  python3 test/golden/functions/embedding.py"""
import torch
from torch.nn import functional as F
from golden import Family

family = Family("embedding")
add = family.add
table, wide = {"w": family.uniform(7, 3)}, {"w": family.uniform(5, 1)}
one, two = {"i": torch.tensor([3, 1, 3, 0, 6, 3, 1])}, {"i": torch.tensor([[2, 4, 2], [0, 2, 2]])}

# ---- embedding

add("embedding/vector", "out = F.embedding(i, w)", table, one)
add("embedding/matrix", "out = F.embedding(input=i, weight=w)", table, two)
add("embedding/three dimensions", "out = F.embedding(i[None], w * 2)", table, two)
add("embedding/one number", "out = F.embedding(i[0, 1], w)", table, two)
add("embedding/padding_idx", "out = F.embedding(i, w, 2) + F.embedding(i, w, padding_idx=-3)", table, two)
add("embedding/scale_grad_by_freq", "out = F.embedding(i, w, scale_grad_by_freq=True)", table, one)
add("embedding/scale_grad_by_freq and padding_idx", "out = F.embedding(i, w, None, None, 2.0, True) * F.embedding(i, w, padding_idx=3, scale_grad_by_freq=True)", table, one)
add("embedding/sparse", "out = F.embedding(i, w, sparse=True)", table, two, reference=lambda w, i: F.embedding(i, w))
add("embedding/torch", "out = torch.embedding(w, i) + torch.embedding(w, i, 2, True) + torch.embedding(weight=w, indices=i, padding_idx=-1)", table, two)
add("embedding/width 1", "out = F.embedding(i, w)", wide, two)
add("embedding/nothing", "out = F.embedding(i[:0], w).sum() + w.sum()", table, one)
add("one_hot/num_classes", "out = F.one_hot(i, 9) + F.one_hot(i, num_classes=9)", {}, one)

# ---- embedding_bag

weights = {"p": family.uniform(7)}
MODES = ("sum", "mean", "max")
offsets = {"bags": torch.tensor([0, 2, 2, 5]), "with an empty end": torch.tensor([0, 3, 7]), "one bag": torch.tensor([0]), "each its own": torch.arange(7)}
for mode in MODES:
    add(f"embedding_bag/{mode} of rows", f"out = F.embedding_bag(i, w, mode='{mode}')", table, two)
    add(f"embedding_bag/{mode} of rows, padding_idx", f"out = F.embedding_bag(i, w, mode='{mode}', padding_idx=2)", table, {"i": torch.tensor([[2, 4, 2], [2, 2, 2], [5, 2, 5]])})
    for name, places in offsets.items():
        add(f"embedding_bag/{mode}, {name}", f"out = F.embedding_bag(i, w, o, mode='{mode}')", table, {**one, "o": places})
    add(f"embedding_bag/{mode}, padding_idx", f"out = F.embedding_bag(i, w, o, mode='{mode}', padding_idx=-4)", table, {**one, "o": torch.tensor([0, 1, 3, 5])})
    add(f"embedding_bag/{mode}, include_last_offset", f"out = F.embedding_bag(i, w, o, mode='{mode}', include_last_offset=True)", table, {**one, "o": torch.tensor([0, 2, 2, 7])})
    add(f"embedding_bag/{mode}, nothing", f"out = F.embedding_bag(i[:0], w, o, mode='{mode}').sum() + w.sum()", table, {**one, "o": torch.tensor([0, 0])})
many = {"i": family.integers(50, high=7), "o": torch.tensor([0, 1, 17, 17, 40, 49])}
for mode in MODES:
    add(f"embedding_bag/{mode}, larger bags", f"out = F.embedding_bag(i, w, o, mode='{mode}')", table, many)
add("embedding_bag/default is mean", "out = F.embedding_bag(i, w) + F.embedding_bag(i, w, None, None, 2.0, False, 'mean', False, None, False, None)", table, two)
# PyTorch's gradient on the CPU divides by the frequency of another row than it documents; F.embedding's does not.
add("embedding_bag/scale_grad_by_freq", "out = F.embedding_bag(i, w, scale_grad_by_freq=True, mode='sum') + F.embedding_bag(i, w, scale_grad_by_freq=True) + F.embedding_bag(i.flatten(), w, o, scale_grad_by_freq=True)", table, {**two, "o": torch.tensor([0, 3])},
    reference=lambda w, i, o: (lambda rows: rows.sum(1) + 2 * rows.mean(1))(F.embedding(i, w, scale_grad_by_freq=True)))
add("embedding_bag/per_sample_weights", "out = F.embedding_bag(i, w, o, mode='sum', per_sample_weights=p)", {**table, **weights}, {**one, "o": offsets["bags"]})
add("embedding_bag/per_sample_weights, padding_idx", "out = F.embedding_bag(i, w, o, mode='sum', per_sample_weights=p, padding_idx=3)", {**table, **weights}, {**one, "o": offsets["bags"]})
add("embedding_bag/per_sample_weights of rows", "out = F.embedding_bag(i, w, mode='sum', per_sample_weights=p)", {**table, "p": family.uniform(2, 3)}, two)
add("embedding_bag/equal numbers", "out = F.embedding_bag(i, w * 0 + 1, o, mode='max')", table, {**one, "o": offsets["bags"]})
add("embedding/torch, a padding row that is not there", "out = torch.embedding(w, i, 9) * 2", {"w": family.uniform(3, 2)}, {"i": torch.tensor([[2, 0], [1, 1]])})
for name, call in (("embedding", "F.embedding(i, {w}, max_norm={limit})"), ("embedding/norm_type", "F.embedding(i, {w}, max_norm={limit}, norm_type=1.5, padding_idx=1)"), ("embedding_bag", "F.embedding_bag(i, {w}, max_norm={limit}, mode='sum')"), ("embedding_bag/max", "F.embedding_bag(i, {w}, None, {limit}, 3.0, mode='max')")):
    add(f"{name}/max_norm", f"out = {call.format(w='w', limit=0.7)} * b + w.sum() + w[3, 1]", {"w": family.uniform(5, 3), "b": family.uniform(3)}, {"i": torch.tensor([[2, 0], [1, 2]])})
    add(f"{name}/max_norm of a computed table", f"t = w * 2\nv = t[1:]\nout = {call.format(w='t', limit=0.7)} * b + v.sum() * t[0, 0] + w.sum()", {"w": family.uniform(5, 3), "b": family.uniform(3)}, {"i": torch.tensor([[2, 0], [1, 2]])})
    add(f"{name}/max_norm of a view", f"t = w * 1.5\nout = {call.format(w='t[1:, :2]', limit=0.5)}.sum() + t * t", {"w": family.uniform(5, 3)}, {"i": torch.tensor([[2, 0], [1, 2]])})
family.write()
