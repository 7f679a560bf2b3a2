#!/usr/bin/env python3
"""Makes elementwise.json:  python3 test/golden/functions/elementwise.py"""
import math
import torch
from golden import Family

family = Family("elementwise")
add = family.add
near0, positive, unit, far = family.uniform(2, 1, 5, low=-0.95, high=0.95), family.uniform(3, 4, low=0.1, high=3), family.uniform(7, low=0.05, high=0.95), family.uniform(4, 5, low=-6, high=6)
a, b, row, column, scalar = family.uniform(3, 4), family.uniform(3, 4), family.uniform(4), family.uniform(3, 1), family.uniform(1).squeeze()
whole, other = torch.tensor([[3, -1, 0, 7]]), torch.tensor([[2], [-3], [1]])



class Digamma(torch.autograd.Function):
    """PyTorch's digamma with a derivative from zeta(2, x): its own trigamma is right to 5e-10 only."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.digamma(x)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        two = torch.tensor(2.0)
        mirrored = (math.pi / torch.sin(math.pi * x)) ** 2 - torch.special.zeta(two, 1 - x)
        return g * torch.where(x > 0, torch.special.zeta(two, x.clamp_min(0.01)), mirrored)


# ---- one argument
UNARY = [
    ("asin", near0), ("arcsin", near0), ("acos", near0), ("arccos", near0), ("atan", far), ("arctan", far), ("asinh", far), ("arcsinh", far), ("acosh", positive + 1), ("arccosh", positive + 1), ("atanh", near0), ("arctanh", near0),
    ("sinh", far), ("cosh", far), ("tan", near0), ("sinc", far), ("exp2", far), ("log2", positive), ("log10", positive), ("log1p", positive - 1), ("expm1", far), ("rsqrt", positive), ("reciprocal", far), ("square", far),
    ("logit", unit), ("erf", far), ("erfc", far), ("erfinv", near0), ("lgamma", far), ("digamma", positive), ("digamma", far), ("i0", far), ("rad2deg", far), ("deg2rad", far), ("positive", far), ("angle", far), ("sgn", far), ("frac", far), ("nan_to_num", far),
]
seen = {}
for name, x in UNARY:
    seen[name] = seen.get(name, 0) + 1
    label = name if seen[name] == 1 else f"{name}, {seen[name]}"
    digamma = name == "digamma"
    add(f"{label}/torch", f"out = torch.{name}(a)", {"a": x}, reference=(lambda a: Digamma.apply(a)) if digamma else None)
    add(f"{label}/Tensor", f"out = (a * 1.0).{name}() * a", {"a": x}, reference=(lambda a: Digamma.apply(a) * a) if digamma else None)
for name, x in [("asin", unit), ("acos", unit), ("atan", row), ("asinh", row), ("acosh", unit + 2), ("atanh", unit), ("sinh", row), ("cosh", row), ("tan", row), ("sinc", row), ("exp2", row), ("log2", unit), ("log10", unit), ("logit", unit), ("erfc", row), ("erfinv", unit), ("i0", row), ("rsqrt", unit)]:
    add(f"{name}/second derivatives", f"g, = torch.autograd.grad((torch.{name}(a) * w).sum(), a, create_graph=True)\nout = g * a", {"a": x}, {"w": family.uniform(*x.shape)})
add("digamma/second derivatives", "g, = torch.autograd.grad((torch.digamma(a) * w).sum(), a, create_graph=True)\nout = g * a", {"a": unit}, {"w": family.uniform(7)}, reference=lambda a, w: torch.special.zeta(torch.tensor(2.0), a) * w * a)
add("lgamma/second derivatives", "g, = torch.autograd.grad(torch.lgamma(a).sum(), a, create_graph=True)\nout = g * a", {"a": row}, reference=lambda a: Digamma.apply(a) * a)
add("of whole numbers", "out = torch.asin(n * 0) + torch.asinh(n) + torch.erfc(n) + torch.exp2(n) + torch.lgamma(n * n + 1) + torch.rad2deg(n) + torch.sinc(n * 2) + torch.logit(torch.sigmoid(n)) + torch.i0(n) + torch.angle(n) + torch.positive(n) * a", {"a": row}, {"n": whole})
add("logit/eps", "out = torch.logit(a, 0.2) + a.logit(eps=0.3) * torch.special.logit(a, eps=0.01) + torch.logit(input=a, eps=None)", {"a": unit})
add("round/decimals", "out = torch.round(a, decimals=2) + a.round(decimals=-1) + torch.round(a * 3) + a.round(decimals=0) * a", {"a": far * 4})
add("clamp_min, clamp_max", "out = torch.clamp_min(a, 0.3) + a.clamp_max(0.2) * a + torch.clamp_min(a, r) + a.clamp_max(max=c) + torch.clamp_max(a, s)", {"a": a, "r": row, "c": column, "s": scalar})
add("angle of negative numbers and zeros", "out = torch.angle(a) + a.angle() * torch.angle(n) + a", {"a": row}, {"n": whole})
add("real and conj", "out = torch.real(a) + a.conj() * torch.conj(a) + a.conj_physical() + a.resolve_conj() * a.resolve_neg()", {"a": a})

# ---- torch.special
for name, x in [("erf", far), ("erfc", far), ("erfcx", far), ("erfinv", near0), ("expit", far), ("exp2", far), ("expm1", far), ("log1p", positive), ("logit", unit), ("gammaln", far), ("digamma", far), ("psi", positive), ("sinc", far), ("i0", far), ("i0e", far), ("i1", far), ("i1e", far), ("ndtr", a), ("ndtri", unit), ("log_ndtr", a), ("entr", positive), ("round", far)]:
    add(f"special/{name}", f"out = torch.special.{name}(a) + a", {"a": x})
for name, x in [("erfcx", a), ("i0e", row), ("i1", row), ("i1e", row), ("ndtr", row), ("ndtri", unit), ("log_ndtr", row), ("entr", unit)]:
    add(f"special/{name}/second derivatives", f"g, = torch.autograd.grad((torch.special.{name}(a) * w).sum(), a, create_graph=True)\nout = g * a", {"a": x}, {"w": family.uniform(*x.shape)})
add("special/xlogy, xlog1py", "out = torch.special.xlogy(a, p) + torch.special.xlog1py(a, p) + torch.special.xlog1py(2.0, p) + torch.special.xlog1py(a, 0.5) + torch.special.xlog1py(0, other=p)", {"a": a, "p": positive})
add("special/softmax, logsumexp", "out = torch.special.softmax(a, 1) * torch.special.log_softmax(a, dim=-2) + torch.special.logsumexp(a, 1, keepdim=True)", {"a": a})
for n in range(5):
    add(f"polygamma/{n}", f"out = torch.polygamma({n}, a) + a.polygamma({n}) * torch.special.polygamma(n={n}, input=a)", {"a": positive + 0.4})
# PyTorch's trigamma is right to 5e-10 only: the derivative of digamma by its reflection, from polygamma(2) and so on.
add("polygamma/below 0", "out = torch.polygamma(2, a) + torch.polygamma(3, a) * 0.1", {"a": far / 3})
for p in (1, 2, 4):
    add(f"mvlgamma/{p}", f"out = torch.mvlgamma(a, {p}) + a.mvlgamma(p={p}) * torch.special.multigammaln(a, {p})", {"a": positive + 2})

# ---- two and three arguments
PAIRS = [("fmin", a, b), ("fmax", a, b), ("atan2", a, b), ("arctan2", a, b), ("hypot", a, b), ("logaddexp", a, b), ("logaddexp2", a, b), ("xlogy", a, positive), ("copysign", a, b), ("float_power", positive, b), ("maximum", a, b), ("minimum", a, b)]
for name, x, y in PAIRS:
    add(f"{name}/torch", f"out = torch.{name}(a, b)", {"a": x, "b": y})
    add(f"{name}/Tensor", f"out = (a * 2).{name}(b + 0.1)", {"a": x, "b": y})
    add(f"{name}/broadcast", f"out = torch.{name}(c, r) * torch.{name}(r, s) + torch.{name}(r, c)", {"c": column.abs() + 0.1, "r": row.abs() + 0.05, "s": scalar.abs()})
for name in ("fmin", "fmax", "atan2", "hypot", "logaddexp", "logaddexp2", "xlogy", "float_power"):
    add(f"{name}/second derivatives", f"g, h = torch.autograd.grad((torch.{name}(a, b) * w).sum(), (a, b), create_graph=True)\nout = g * b + h * a", {"a": positive, "b": positive.flip(0)}, {"w": family.uniform(3, 4)})
add("fmin, fmax/of whole numbers", "out = (torch.fmax(n, m) - torch.fmin(n, m) * 2) * a + torch.fmax(a, n)", {"a": a}, {"n": whole, "m": other})
add("fmax/ties", "x = torch.round(a)\nout = torch.fmax(a, a) + torch.fmin(a * 1.0, a) * torch.fmax(a, x)", {"a": a})
add("copysign/numbers", "out = torch.copysign(a, -2.0) + a.copysign(3) * torch.copysign(a, -0.0) + torch.copysign(n, a)", {"a": a}, {"n": whole})
add("logaddexp2/of equal infinities", "inf = float('inf')\nout = torch.exp2(torch.logaddexp2(torch.full((4,), -inf), a)) + torch.exp2(torch.logaddexp2(torch.tensor(-inf), torch.tensor(-inf)))", {"a": row})
add("heaviside", "out = torch.heaviside(a, b) * a + torch.heaviside(a * 0, b.detach()) * b + a.detach().heaviside(torch.tensor(0.25)) + torch.heaviside(n, m)", {"a": a, "b": b}, {"n": whole, "m": other},
    reference=lambda a, b, n, m: torch.heaviside(a.detach(), b.detach()) * a + b.detach() * b + torch.heaviside(a.detach(), torch.tensor(0.25)) + torch.heaviside(n, m))
add("ldexp", "out = torch.ldexp(a, n) + a.ldexp(m) + torch.ldexp(a, b) * 0.5", {"a": a, "b": b}, {"n": whole, "m": other})
add("float_power/numbers", "out = torch.float_power(p, 2) + p.float_power(0.5) * torch.float_power(2, p) + torch.float_power(n * n + 1, 3)", {"p": positive}, {"n": whole})
add("addcmul", "out = torch.addcmul(a, b, r) + a.addcmul(r, c, value=0.5) * torch.addcmul(r, a, s, value=-2) + torch.addcmul(n, n, m) * b", {"a": a, "b": b, "r": row, "c": column, "s": scalar}, {"n": whole, "m": other})
add("addcdiv", "out = torch.addcdiv(a, b, p) + a.addcdiv(r, p, value=0.5) * torch.addcdiv(r, a, p, value=-2) + torch.addcdiv(a, n, p)", {"a": a, "b": b, "r": row, "p": positive}, {"n": whole})
add("dist", "out = torch.dist(a, b) + a.dist(r, 1) * torch.dist(a, b, p=3) + torch.dist(a, b, float('inf')) + a.detach().dist(b.detach(), 0)", {"a": a, "b": b, "r": row})
add("renorm", "out = torch.renorm(a, 2, 0, 1.0) + a.renorm(1, 1, 0.7) * torch.renorm(input=a, p=3, dim=-1, maxnorm=0.5) + torch.renorm(a, 2, 0, 50)", {"a": a})
add("signs and kinds", "out = a.signbit() * 1.0 + torch.signbit(n) * a + torch.isreal(a) * a + torch.isposinf(1 / (n * 0.0)) * 2.0 + a.isneginf() * a + torch.isneginf(torch.log(n * 0.0)) * 3.0 + torch.isposinf(n) + torch.signbit(torch.tensor(-0.0)) * 5.0", {"a": a}, {"n": whole})
add("isclose", "x = b + 1e-6\nout = torch.isclose(b, x) * a + torch.isclose(b, x, rtol=0.0, atol=1e-7) * 2.0 + b.isclose(x * 1.0001, 1e-3) * a + torch.isclose(n, n + m * 0) * 3.0 + torch.isclose(n, n + 1, 0, 1.5) * 1.0 + torch.isclose(b / 0, b / 0) * 7.0 + torch.isclose(b * (1e30 * 0) / 0, b, equal_nan=True) * 1.0", {"a": a}, {"b": b, "n": whole, "m": other})
add("allclose, equal", "t = torch.arange(4) / 3\nyes = [torch.allclose(t, t + 1e-9), t.allclose(t + 0.1), torch.equal(t, t * 1), t.equal(t[:3]), torch.equal(t, t + 1), torch.allclose(b, b + 1e-12), torch.equal(b, b)]\nout = a * sum([2 ** i for i, x in enumerate(yes) if x])", {"a": a}, {"b": b})
add("names", "out = torch.subtract(a, b, alpha=2) + torch.multiply(a, 2).negative() + a.true_divide(p).absolute() + a.divide(p, rounding_mode='trunc') + torch.fix(a * 3) + a.arctan2(p) + torch.float_power(p, 2) + a.not_equal(b) + a.greater(b) + torch.less_equal(a, b) + a.greater_equal(b) * 2 + torch.less(a, b)", {"a": a, "b": b, "p": positive})
add("of bools", "p = a > 0\nout = p.sign() * 1.0 + torch.sgn(p) * a + torch.square(p) * a + torch.maximum(p, a > r) * 2.0 + p.minimum(a > r) + torch.fmax(p, a < r) * a + torch.fmin(p, a > r) * 3.0", {"a": a, "r": row})
add("shifts", "out = (n << 2) * a + torch.bitwise_left_shift(n, m + 3) + (n >> 1) * a + n.bitwise_right_shift(m * m) * 2.0 + (1 << (n * n)) + torch.bitwise_right_shift(n - 9, 3)", {"a": a}, {"n": whole, "m": other})
add("where of a tensor", "out = a.where(a > r, b) + a.where(torch.tensor([True, False, True, False]), r * 2) + (a * 2).where(b > 0, torch.tensor(0.5))", {"a": a, "b": b, "r": row})
add("isin", "out = torch.isin(n, m) * a + torch.isin(n, torch.tensor([7, 3]), invert=True) * 2.0 + torch.isin(n, 3) * a + torch.isin(elements=torch.tensor([[0.5], [1.5], [2.5]]), test_elements=torch.tensor([2.5, 0.5]), assume_unique=True) * 3.0 + torch.isin(3, m) * 1.0", {"a": a}, {"n": whole, "m": other})
add("searchsorted, bucketize", "t, rows = torch.tensor([-1.0, 0.0, 0.0, 2.0]), torch.arange(6).reshape(2, 3) * 2\nout = torch.searchsorted(t, a) * a + torch.searchsorted(t, a * 0, right=True) + torch.searchsorted(t, n, side='right') + torch.bucketize(a, t) * 2.0 + torch.bucketize(n, t, right=True) + torch.searchsorted(t, 0.5) * 3.0 + torch.bucketize(2.0, t) + torch.searchsorted(rows, torch.tensor([[3, 4, 9, 0], [3, 8, 9, 0]])).sum(0) + torch.searchsorted(t.flip(0), a, sorter=torch.tensor([3, 1, 2, 0]))", {"a": a}, {"n": whole})
add("empty and 0-d", "out = torch.asin(e).sum() + torch.lgamma(s * s) + torch.fmax(e, s).sum() + torch.polygamma(1, s * s + 1) + torch.special.i1(s) * torch.hypot(s, s + 1) + torch.addcmul(s, s, s) + a.sum() * 0", {"a": a, "s": scalar}, {"e": torch.zeros(0, 3)})
add("limits of bools", "p = a > 0\nq = b > 0\nout = a * torch.clip(p, q).double() + b * p.clamp_min(q).double() + a * b * p.clamp_max(max=row > 0).double()", {"a": a, "b": b, "row": row})
add("isclose/bools", "out = torch.isclose(p, q) * a + torch.isclose(p, q, atol=1) * 2.0 + torch.isclose(p, q, rtol=1.5, atol=0) * 4.0 + torch.isclose(p, q, 0, 0) * 8.0", {"a": family.uniform(4)}, {"p": torch.tensor([True, False, True, False]), "q": torch.tensor([True, True, False, False])})
add("nan_to_num/whole numbers", "out = torch.nan_to_num(p) * a + p.nan_to_num(nan=2.0, posinf=3.0) * 2.0 + torch.nan_to_num(n, 1.5).double() + (n.nan_to_num() // 2) * a", {"a": family.uniform(4)}, {"p": torch.tensor([True, False, True, False]), "n": torch.tensor([1, -3, 0, 7])})
add("addcmul/whole numbers", "out = torch.addcmul(n, p, p, value=1.5) * a / 2 + torch.addcmul(n, n, n, value=-1.5) // 2 + n.addcmul(n, p, value=2) / 4 + torch.addcmul(n, a.detach(), n, value=1.5)", {"a": family.uniform(4)}, {"p": torch.tensor([True, False, True, False]), "n": torch.tensor([1, -3, 0, 7])})
family.write()
