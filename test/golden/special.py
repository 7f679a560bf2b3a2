#!/usr/bin/env python3
"""Makes special.json: what PyTorch gives for NaN, infinities, zeros, ones, huge and subnormal numbers, for every
elementwise function, with the gradient of its sum.  python3 test/golden/special.py

The tensors are long enough for PyTorch's vectorised code. Numbers that JSON cannot say are strings.
"""
import json
import math
import os
import torch
from torch.nn import functional as F

UNARY = """
-a | abs(a) | torch.abs(a) | torch.neg(a) | torch.positive(a) | torch.sign(a) | torch.sgn(a) | torch.square(a) | torch.reciprocal(a) | torch.sqrt(a) | torch.rsqrt(a)
torch.exp(a) | torch.exp2(a) | torch.expm1(a) | torch.log(a) | torch.log2(a) | torch.log10(a) | torch.log1p(a)
torch.sin(a) | torch.cos(a) | torch.tan(a) | torch.asin(a) | torch.acos(a) | torch.atan(a) | torch.sinc(a) | torch.rad2deg(a) | torch.deg2rad(a)
torch.sinh(a) | torch.cosh(a) | torch.tanh(a) | torch.asinh(a) | torch.acosh(a) | torch.atanh(a)
torch.sigmoid(a) | torch.logit(a) | torch.logit(a, 0.2) | torch.erf(a) | torch.erfc(a) | torch.erfinv(a) | torch.special.erfcx(a) | torch.special.ndtr(a) | torch.special.ndtri(a) | torch.special.log_ndtr(a) | torch.special.entr(a)
torch.lgamma(a) | torch.digamma(a) | torch.polygamma(1, a) | torch.polygamma(2, a) | torch.special.i0(a) | torch.special.i0e(a) | torch.special.i1(a) | torch.special.i1e(a)
torch.floor(a) | torch.ceil(a) | torch.trunc(a) | torch.round(a) | torch.frac(a) | torch.round(a, decimals=1) | torch.clamp(a, -1, 1) | torch.clamp_min(a, 0.5) | torch.clamp_max(a, 0.5) | torch.nan_to_num(a) | torch.nan_to_num(a, 0.5, 1.0, -1.0)
torch.isnan(a) | torch.isinf(a) | torch.isfinite(a) | torch.isposinf(a) | torch.isneginf(a) | torch.signbit(a) | torch.isreal(a) | torch.logical_not(a) | a.bool() | torch.angle(a)
a ** 0 | a ** 1 | a ** 2 | a ** 3 | a ** -1 | a ** -2 | a ** 0.5 | a ** -0.5 | a ** 1.5 | 0 ** a | 1 ** a | 2 ** a | (-1) ** a | a % 1.5 | a % -1.5 | a // 1.5 | torch.fmod(a, 1.5) | 1 / a | a / 0
F.glu(torch.stack((a, a.flip(0)), 1), 1) | F.prelu(a, torch.tensor(0.25)) | torch.heaviside(a.detach(), torch.tensor(0.5)) + a * 0 | torch.searchsorted(torch.tensor([-2.0, 0.0, 1.0]), a, right=True)
F.relu(a) | F.relu6(a) | F.leaky_relu(a) | F.elu(a) | F.selu(a) | F.celu(a) | F.gelu(a) | F.gelu(a, approximate='tanh') | F.silu(a) | F.mish(a) | F.softplus(a) | F.softsign(a) | F.hardtanh(a) | F.hardsigmoid(a) | F.hardswish(a) | F.logsigmoid(a) | F.tanhshrink(a) | F.softshrink(a) | F.hardshrink(a) | F.threshold(a, 0.5, 2.0)
"""
BINARY = """
a + b | a - b | a * b | a / b | torch.pow(a, b) | torch.float_power(a, b) | torch.div(a, b, rounding_mode='trunc') | torch.div(a, b, rounding_mode='floor') | a % b | torch.fmod(a, b) | a // b
torch.maximum(a, b) | torch.minimum(a, b) | torch.fmax(a, b) | torch.fmin(a, b) | torch.atan2(a, b) | torch.hypot(a, b) | torch.logaddexp(a, b) | torch.logaddexp2(a, b) | torch.xlogy(a, b) | torch.special.xlog1py(a, b) | torch.copysign(a, b) | torch.heaviside(a, b)
torch.clamp_min(a, b) | torch.clamp(a, max=b) | torch.clamp(a, b, b + 1) | a.masked_fill(b > 0, 0.5) | torch.float_power(2, a) + b * 0 | torch.lerp(a, b, b) | torch.sub(a, b, alpha=2) | torch.ldexp(a, b) | torch.bucketize(a, torch.tensor([-1.0, 0.0, 2.0])) + b * 0
torch.lerp(a, b, 0.3) | torch.lerp(a, b, 0.7) | torch.where(a > b, a, b) | torch.addcmul(a, b, b, value=0.5) | torch.addcdiv(a, a, b, value=0.5)
a == b | a != b | a < b | a <= b | a > b | a >= b | torch.logical_and(a, b) | torch.logical_or(a, b) | torch.logical_xor(a, b) | torch.isclose(a, b) | torch.isclose(a, b, equal_nan=True)
"""
NAN, INF = math.nan, math.inf
COMMON = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0, 2.5, -2.5, 0.25, 3.0, -3.0, -3.3, 10.0, -10.0, 30.0, -30.0, 100.0, -100.0]
UNARY_INPUTS = {
    torch.float32: [*COMMON, 1e-6, -1e-6, 1e4, -1e4, 88.0, -88.0, 89.5, -89.5, 1e10, -1e10, 1e20, -1e20, 3.4e38, -3.4e38, 1e-38, -1e-38, 1e-40, -1e-40, 1.4e-45, -1.4e-45],
    torch.float64: [*COMMON, 1e-6, -1e-6, 1e4, -1e4, 709.0, -709.0, 710.5, -710.5, 1e10, -1e10, 1e20, -1e20, 1.7e308, -1.7e308, 1e-307, -1e-307, 1e-310, -1e-310, 5e-324, -5e-324],
}
PAIRS = {
    torch.float32: [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0, 2.5, -7.5, 3.4e38, -3.4e38, 1e-40, -1e-40],
    torch.float64: [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0, 2.5, -7.5, 1.7e308, -1.7e308, 1e-310, -1e-310],
}


def plain(value):
    if value is None:
        return None
    return [said(x) for x in value.double().flatten().tolist()]


def said(x):
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return "-0" if x == 0 and math.copysign(1, x) < 0 else int(x) if x == int(x) and abs(x) < 1e15 else x


def answers(text, inputs):
    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    out = eval(text, {"torch": torch, "F": F, **leaves})
    gradients = {}
    if out.requires_grad:
        try:
            out.sum().backward()
        except RuntimeError as error:
            assert "not implemented" in str(error), error
        grads = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        gradients = {name: plain(torch.zeros_like(leaves[name]) if grad._is_zerotensor() else grad) for name, grad in grads.items()}
    return {"values": plain(out.detach()), **gradients}


def expressions(text):
    return [part.strip() for line in text.strip().split("\n") for part in line.split(" | ")]


result = {"unary": {"inputs": {}, "answers": {}}, "binary": {"inputs": {}, "answers": {}}}
for dtype in (torch.float32, torch.float64):
    torch.set_default_dtype(dtype)
    name = str(dtype).removeprefix("torch.")
    a = torch.tensor(UNARY_INPUTS[dtype])
    pairs = torch.tensor([[x, y] for x in PAIRS[dtype] for y in PAIRS[dtype]])
    for kind, texts, inputs in (("unary", UNARY, {"a": a}), ("binary", BINARY, {"a": pairs[:, 0].clone(), "b": pairs[:, 1].clone()})):
        result[kind]["inputs"][name] = {key: plain(value) for key, value in inputs.items()}
        for text in expressions(texts):
            result[kind]["answers"].setdefault(text, {})[name] = answers(text, inputs)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "special.json"), "w") as file:
    parts = []
    for kind, found in result.items():
        rows = ",\n".join(f"{json.dumps(text)}:{json.dumps(row, separators=(',', ':'))}" for text, row in found["answers"].items())
        parts.append(f'"{kind}":{{"inputs":{json.dumps(found["inputs"], separators=(",", ":"))},\n"answers":{{\n{rows}\n}}}}')
    file.write("{" + ",\n".join(parts) + "}\n")
print(sum(len(found["answers"]) for found in result.values()), "functions, PyTorch", torch.__version__)
