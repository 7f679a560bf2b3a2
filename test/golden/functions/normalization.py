#!/usr/bin/env python3
"""Makes normalization.json:  python3 test/golden/functions/normalization.py"""
import torch
from torch.nn import functional as F
from golden import Family

family = Family("normalization")
add = family.add
x, cube, image = family.uniform(5, 6), family.uniform(4, 6, 3), family.uniform(2, 4, 3, 5)
row, channels, four = family.uniform(6), {"w": family.uniform(6), "b": family.uniform(6)}, {"w": family.uniform(4), "b": family.uniform(4)}
running = {"m": family.uniform(6), "v": family.uniform(6, low=0.2, high=2)}
running4 = {"m": family.uniform(4), "v": family.uniform(4, low=0.2, high=2)}

# ---- layer_norm

add("layer_norm/plain", "out = F.layer_norm(a, (6,))", {"a": x})
add("layer_norm/two dimensions", "out = F.layer_norm(a, a.shape[2:], w, b, 0.1)", {"a": image, "w": family.uniform(3, 5), "b": family.uniform(3, 5)})
add("layer_norm/all dimensions", "out = F.layer_norm(a, [5, 6], eps=0.01)", {"a": x})
add("layer_norm/weight alone, bias alone", "out = F.layer_norm(a, (6,), weight=w) + F.layer_norm(a, (6,), bias=w)", {"a": x, "w": row})
add("layer_norm/torch", "out = torch.layer_norm(a, (3,), w, b, 1e-3, False) + torch.layer_norm(input=a, normalized_shape=(6, 3))", {"a": cube, "w": family.uniform(3), "b": family.uniform(3)})
add("layer_norm/a vector", "out = F.layer_norm(a, (6,), w)", {"a": row, "w": channels["w"]})
add("layer_norm/equal numbers", "out = F.layer_norm(a * 0 + 2, (6,), w)", {"a": x, "w": row})
add("layer_norm/one number", "out = F.layer_norm(a, (1,), w, w)", {"a": family.uniform(4, 1), "w": family.uniform(1)})
add("layer_norm/far from 0", "out = F.layer_norm(a + 10, (6,))", {"a": x})
add("layer_norm/no rows", "out = F.layer_norm(a[:0], (6,), w).sum() + a.sum()", {"a": x, "w": row})

# ---- rms_norm, by its formula

def rms(a, w=None, dims=(-1,), eps=torch.finfo(torch.float64).eps):
    result = a * torch.rsqrt(a.pow(2).mean(dims, keepdim=True) + eps)
    return result if w is None else result * w

add("rms_norm/plain", "out = F.rms_norm(a, (6,))", {"a": x}, reference=lambda a: rms(a))
add("rms_norm/weight", "out = F.rms_norm(a, [6], w)", {"a": x, "w": row}, reference=lambda a, w: rms(a, w))
add("rms_norm/eps", "out = torch.rms_norm(a, (3, 5), weight=w, eps=0.2)", {"a": image, "w": family.uniform(3, 5)}, reference=lambda a, w: rms(a, w, (-2, -1), 0.2))
add("rms_norm/eps is None", "out = F.rms_norm(a, (3,), None, None)", {"a": cube}, reference=lambda a: rms(a))

# ---- group_norm

add("group_norm/plain", "out = F.group_norm(a, 3)", {"a": x})
add("group_norm/channels", "out = F.group_norm(a, 2, w, b)", {"a": cube, **channels})
add("group_norm/images", "out = F.group_norm(a, 4, weight=w, bias=b, eps=0.1) + F.group_norm(a, 1, w)", {"a": image, **four})
add("group_norm/torch", "out = torch.group_norm(a, 2, w, b, 1e-3, True) + torch.group_norm(input=a, num_groups=2, weight=w)", {"a": image, **four})

# ---- batch_norm

add("batch_norm/training", "out = F.batch_norm(a, None, None, training=True)", {"a": x})
add("batch_norm/training, images", "out = F.batch_norm(a, None, None, w, b, True, 0.2, 0.1)", {"a": image, **four})
add("batch_norm/training with running statistics", "out = F.batch_norm(a, m, v, w, b, training=True, momentum=0.3)", {"a": cube, **channels}, running)
add("batch_norm/evaluation", "out = F.batch_norm(a, m, v, w, b)", {"a": x, **channels}, running)
add("batch_norm/evaluation, images", "out = F.batch_norm(a, running_mean=m, running_var=v, weight=w, eps=0.5)", {"a": image, "w": four["w"]}, running4)
add("batch_norm/bias alone", "out = F.batch_norm(a, m, v, None, b) + F.batch_norm(a, None, None, bias=b, training=True)", {"a": x, "b": row}, running)
add("batch_norm/torch", "out = torch.batch_norm(a, w, b, m, v, False, 0.1, 1e-5, True) + torch.batch_norm(a, None, b, None, None, True, 0.1, 1e-2, False)", {"a": cube, **channels}, running)
add("batch_norm/one sample of several places", "out = F.batch_norm(a[:1], None, None, w, b, True)", {"a": cube, **channels})

# ---- instance_norm

add("instance_norm/plain", "out = F.instance_norm(a)", {"a": image})
add("instance_norm/weight and bias", "out = F.instance_norm(a, weight=w, bias=b, eps=0.1)", {"a": cube, **channels})
add("instance_norm/running statistics", "out = F.instance_norm(a, m, v, w, b, False)", {"a": image, **four}, running4)
add("instance_norm/running statistics are left alone", "out = F.instance_norm(a, m, v, w, b, True, 0.5)", {"a": cube, **channels}, running)
add("instance_norm/torch", "out = torch.instance_norm(a, w, b, None, None, True, 0.1, 1e-2, False) + torch.instance_norm(a, None, b, m, v, False, 0.1, 1e-2, False)", {"a": image, **four}, running4)

# ---- local_response_norm

for size in (1, 2, 3, 5, 7, 9):
    add(f"local_response_norm/size {size}", f"out = F.local_response_norm(a, {size}, alpha=0.5, beta=0.6, k=1.5)", {"a": cube})
add("local_response_norm/defaults", "out = F.local_response_norm(a, 2)", {"a": image})
add("local_response_norm/order", "out = F.local_response_norm(a.abs(), 4, 0.3, 2.0, 0.1)", {"a": image})
add("local_response_norm/three dimensions of space", "out = F.local_response_norm(a.unsqueeze(2), 3, alpha=1)", {"a": image})

# ---- normalize

add("normalize/defaults", "out = F.normalize(a)", {"a": cube})
add("normalize/p", "out = F.normalize(a, 1) + F.normalize(a, p=3.5, dim=-1) + F.normalize(a, p=float('inf'), dim=0)", {"a": cube})
add("normalize/two dimensions", "out = F.normalize(a, dim=(1, 2))", {"a": cube})
add("normalize/eps", "out = F.normalize(a, eps=10.0) + F.normalize(a, 1.0, 0, 4.0)", {"a": x})
add("normalize/zeros", "out = F.normalize(a * b) + F.normalize(a, eps=0.1, p=1)", {"a": x}, {"b": torch.tensor([[0.0], [1], [1], [0], [2]])})
add("normalize/negative order", "out = F.normalize(a, -1.0)", {"a": x})

# ---- cosine_similarity

both = {"a": x, "b": family.uniform(5, 6)}
add("cosine_similarity/defaults", "out = F.cosine_similarity(a, b)", both)
add("cosine_similarity/dim", "out = torch.cosine_similarity(a, b, dim=0) + F.cosine_similarity(a, b, -2, 0.1)", both)
add("cosine_similarity/broadcast", "out = F.cosine_similarity(a[:, None], b[None], dim=-1)", both)
add("cosine_similarity/vectors", "out = F.cosine_similarity(a[0], b[1], dim=0) + F.cosine_similarity(a, b[2], 1)", both)
add("cosine_similarity/eps", "out = F.cosine_similarity(a, b, eps=100.0) + F.cosine_similarity(a, b * 0.01, 1, 0.5)", both)
add("cosine_similarity/a zero vector", "out = F.cosine_similarity(a, z, eps=1e-2) + F.cosine_similarity(z, b, eps=1e-2)", both, {"z": torch.zeros(5, 6)})
add("cosine_similarity/itself", "out = F.cosine_similarity(a, a)", {"a": x})

# ---- pairwise_distance

add("pairwise_distance/defaults", "out = F.pairwise_distance(a, b)", both)
add("pairwise_distance/p and eps", "out = F.pairwise_distance(a, b, 1.0, 0.1) + torch.pairwise_distance(a, b, p=3, eps=0) + F.pairwise_distance(a, b, float('inf')) + F.pairwise_distance(a, b, p=0)", both)
add("pairwise_distance/keepdim", "out = F.pairwise_distance(a, b, keepdim=True) * a + F.pairwise_distance(a, b, 2.0, 1e-3, True)", both)
add("pairwise_distance/broadcast", "out = F.pairwise_distance(a, b[0]) + F.pairwise_distance(b[1], a, p=1.5)", both)
add("pairwise_distance/vectors", "out = F.pairwise_distance(a[0], b[0]) + F.pairwise_distance(a[1], b[1], keepdim=True)", both)
add("pairwise_distance/equal", "out = F.pairwise_distance(a, a.detach(), eps=0.0) + F.pairwise_distance(a, a.detach()) + a.sum(1)", {"a": x})
family.write()
