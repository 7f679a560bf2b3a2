#!/usr/bin/env python3
"""Makes exact.json: values of elementwise functions to 32 digits, computed with mpmath.

python3 test/golden/exact.py [points of each interval] [file]

A row is [x, value, rest]: x is a float32, value the float64 nearest to the exact value, rest what is left of it. Intervals lie
over the range of a function, and close around its zeros and poles.
"""
import json
import os
import random
import sys
from mpmath import mp, mpf
import mpmath as m

mp.dps = 60
count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
output = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "exact.json")
random.seed(3)


def float32(x):
    import struct
    return struct.unpack("f", struct.pack("f", x))[0]


def near(x, size):
    """Numbers around x, closer and closer."""
    return lambda: x + random.choice((-1, 1)) * size * 10 ** -random.uniform(0, 6)


def linear(a, b):
    return lambda: random.uniform(a, b)


def scales(a, b, signs=(1, -1)):
    """Of every size between a and b."""
    return lambda: random.choice(signs) * a * (b / a) ** random.random()


def ndtr(x):
    return m.erfc(-x / m.sqrt(2)) / 2


def ndtri(p):
    return m.sqrt(2) * m.erfinv(2 * p - 1) if abs(p - 0.5) < 0.45 else quantile(p)


def quantile(p):
    """By Newton's method, from the tail that keeps its digits."""
    tail = min(p, 1 - p)
    x = m.sqrt(-2 * m.log(tail))
    for _ in range(60):
        x += (ndtr(-x) - tail) / (m.exp(-x * x / 2) / m.sqrt(2 * m.pi))
    return x if p > 0.5 else -x


def scaled_bessel(order):
    return lambda x: m.exp(-abs(x)) * m.besseli(order, x)


up = (1,)
FUNCTIONS = {
    "exp": (m.exp, [linear(-104, 89), linear(-745, 709), near(0, 1)]),
    "exp2": (lambda x: mpf(2) ** x, [linear(-149, 128), linear(-1070, 1023), near(0, 1)]),
    "expm1": (m.expm1, [linear(-20, 89), near(0, 1)]),
    "log": (m.log, [scales(1e-37, 1e38, up), near(1, 0.5)]),
    "log2": (lambda x: m.log(x, 2), [scales(1e-37, 1e38, up), near(1, 0.5)]),
    "log10": (m.log10, [scales(1e-37, 1e38, up), near(1, 0.5)]),
    "log1p": (m.log1p, [near(0, 0.9), scales(1e-3, 1e38, up), near(-1, 0.01)]),
    "tanh": (m.tanh, [linear(-10, 10), near(0, 1)]),
    "sigmoid": (lambda x: 1 / (1 + m.exp(-x)), [linear(-87, 40), linear(-5, 5), linear(-700, -80)]),
    "logit": (lambda x: m.log(x / (1 - x)), [linear(0, 1), near(0.5, 0.3), scales(1e-37, 1, up), near(1, 0.3)]),
    "sin": (m.sin, [linear(-10, 10), linear(-1e4, 1e4), near(m.pi, 0.1), scales(1e4, 1e9), near(0, 1)]),
    "cos": (m.cos, [linear(-10, 10), linear(-1e4, 1e4), near(m.pi / 2, 0.1), scales(1e4, 1e9)]),
    "tan": (m.tan, [linear(-10, 10), linear(-1e4, 1e4), near(m.pi / 2, 0.1), near(0, 1)]),
    "sinc": (m.sincpi, [linear(-4, 4), linear(-1e3, 1e3), near(2, 0.1)]),
    "asin": (m.asin, [linear(-1, 1), near(0, 1), near(1, 0.3)]),
    "acos": (m.acos, [linear(-1, 1), near(0, 1), near(1, 0.3), near(-1, 0.3)]),
    "atan": (m.atan, [linear(-5, 5), scales(1e-6, 1e9)]),
    "sinh": (m.sinh, [linear(-89, 89), near(0, 1), linear(-2, 2), linear(-710, 710)]),
    "cosh": (m.cosh, [linear(-89, 89), near(0, 1), linear(-2, 2), linear(-710, 710)]),
    "asinh": (m.asinh, [linear(-5, 5), scales(1e-6, 1e38)]),
    "acosh": (m.acosh, [linear(1, 5), near(1, 0.3), scales(1, 1e38, up)]),
    "atanh": (m.atanh, [linear(-1, 1), near(0, 1), near(1, 0.3)]),
    "erf": (m.erf, [linear(-4, 4), near(0, 1), linear(-6, 6)]),
    "erfc": (m.erfc, [linear(-3, 10), linear(-1, 2), linear(8, 26)]),
    "erfcx": (lambda x: m.exp(x * x) * m.erfc(x), [linear(-9, 10), scales(1, 1e30, up), linear(-26, -8)]),
    "erfinv": (m.erfinv, [linear(-1, 1), near(0, 1), near(0.999, 0.001)]),
    "ndtri": (ndtri, [linear(0, 1), near(0.5, 0.4), scales(1e-37, 0.1, up)]),
    "log_ndtr": (lambda x: m.log(ndtr(x)), [linear(-10, 10), scales(1, 1e9, (-1,)), linear(-2, 2)]),
    "entr": (lambda x: -x * m.log(x), [linear(0, 3), near(1, 0.3), scales(1e-30, 1e30, up)]),
    "lgamma": (lambda x: m.log(abs(m.gamma(x))) if x < 0 else m.loggamma(x), [linear(0, 12), near(1, 0.3), near(2, 0.3), scales(1e-30, 1, up), scales(8, 1e30, up), linear(-20, 0)]),
    "digamma": (m.digamma, [linear(0, 12), near(1.4616321449683622, 0.3), scales(1e-30, 1, up), scales(8, 1e30, up), linear(-20, 0)]),
    "polygamma(1)": (lambda x: m.polygamma(1, x), [linear(0, 12), scales(1e-15, 1, up), scales(8, 1e15, up), linear(-20, 0)]),
    "polygamma(3)": (lambda x: m.polygamma(3, x), [linear(0, 12), scales(1e-8, 1, up), scales(8, 1e8, up), linear(-5, 0)]),
    "i0": (lambda x: m.besseli(0, x), [linear(-20, 20), linear(-80, 80), near(0, 1)]),
    "i0e": (scaled_bessel(0), [linear(-20, 20), scales(1, 1e4)]),
    "i1": (lambda x: m.besseli(1, x), [linear(-20, 20), linear(-80, 80), near(0, 1)]),
    "i1e": (scaled_bessel(1), [linear(-20, 20), scales(1, 1e4), near(0, 1)]),
}


def row(f, x):
    """None where the function has no finite value that float64 holds with all its digits."""
    try:
        value = f(mpf(x))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    if isinstance(value, m.mpc) or not m.isfinite(value) or value == 0 or not 1e-300 < abs(value) < 1e300:
        return None
    nearest = float(value)
    return [x, nearest, float(f"{float(value - mpf(nearest)):.3g}")]


lines = []
for name, (f, intervals) in FUNCTIONS.items():
    xs = sorted({float32(draw()) for draw in intervals for _ in range(count)})
    rows = [found for x in xs if (found := row(f, x))]
    lines.append(f"{json.dumps(name)}:{json.dumps(rows, separators=(',', ':'))}")
with open(output, "w") as file:
    file.write("{" + ",\n".join(lines) + "}\n")
print(sum(line.count("],[") + 1 for line in lines), "values of", len(FUNCTIONS), "functions, mpmath", m.__version__)
