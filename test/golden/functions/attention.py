#!/usr/bin/env python3
"""Makes attention.json:  python3 test/golden/functions/attention.py

PyTorch 1.13 has no scaled_dot_product_attention: these are by the formula of its documentation, but for rows whose keys
are all masked, which give zeros as in PyTorch 2.5.
"""
import math
import torch
from golden import Family

family = Family("attention")


def attention(q, k, v, mask=None, causal=False, scale=None, groups=1):
    scores = q @ k.repeat_interleave(groups, -3).mT * (1 / math.sqrt(q.size(-1)) if scale is None else scale) if groups > 1 else q @ k.mT * (1 / math.sqrt(q.size(-1)) if scale is None else scale)
    if causal:
        mask = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool).tril()
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, -math.inf)
    elif mask is not None:
        scores = scores + mask
    dead = (scores == -math.inf).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(dead, 0), -1).masked_fill(dead, 0)
    return weights @ (v.repeat_interleave(groups, -3) if groups > 1 else v)


def add(name, call, parameters, data=None, f=lambda q, k, v, **m: attention(q, k, v, **m)):
    family.add(f"scaled_dot_product_attention/{name}", f"out = F.scaled_dot_product_attention({call})", parameters, data, reference=f)


def qkv(*batch, lengths=(4, 5), widths=(3, 2)):
    return {"q": family.uniform(*batch, lengths[0], widths[0]), "k": family.uniform(*batch, lengths[1], widths[0]), "v": family.uniform(*batch, lengths[1], widths[1])}


mask = torch.tensor([[True, False, True, True, False], [False, False, False, False, True], [True, True, True, True, True], [False, True, False, True, False]])
shut = mask.clone()
shut[1] = False
add("matrices", "q, k, v", qkv())
add("batch and heads", "q, k, v", qkv(2, 3))
add("names", "query=q, key=k, value=v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None", qkv(2))
add("bool mask", "q, k, v, mask", qkv(2), {"mask": mask})
add("bool mask of heads", "q, k, v, attn_mask=mask", qkv(2, 3), {"mask": torch.stack([mask, shut])[:, None]}, lambda q, k, v, mask: attention(q, k, v, mask))
add("bool mask that shuts a row", "q, k, v, mask", qkv(2), {"mask": shut})
add("float mask", "q, k, v, mask", qkv(2), {"mask": family.uniform(2, 4, 5)})
add("gradient of a float mask", "q, k, v, attn_mask=mask", {**qkv(2), "mask": family.uniform(4, 5)})
add("float mask with -inf", "q, k, v, torch.where(mask > 0, mask, -math.inf)", qkv(2), {"mask": torch.where(shut, family.uniform(4, 5, low=0.1, high=2), -1.0)}, lambda q, k, v, mask: attention(q, k, v, torch.where(mask > 0, mask, -math.inf)))
add("causal", "q, k, v, is_causal=True", qkv(2, 2), f=lambda q, k, v: attention(q, k, v, causal=True))
add("causal, more queries than keys", "q, k, v, None, 0.0, True", qkv(2, lengths=(6, 3)), f=lambda q, k, v: attention(q, k, v, causal=True))
add("scale", "q, k, v, scale=0.25", qkv(2), f=lambda q, k, v: attention(q, k, v, scale=0.25))
add("broadcast batch", "q, k, v", {"q": family.uniform(2, 1, 3, 4), "k": family.uniform(5, 2, 4), "v": family.uniform(1, 5, 2, 3)})
add("one key", "q, k, v", qkv(lengths=(2, 1)))
add("dropout of everything", "q, k, v, dropout_p=1.0", qkv(2), f=lambda q, k, v: attention(q, k, v) * 0)
heads = {"q": family.uniform(2, 6, 4, 3), "k": family.uniform(2, 2, 5, 3), "v": family.uniform(2, 2, 5, 3)}
add("enable_gqa", "q, k, v, enable_gqa=True", heads, f=lambda q, k, v: attention(q, k, v, groups=3))
family.write()
