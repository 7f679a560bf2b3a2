"""Runs programs line by line: a program as JSON on a line of the input, what PyTorch makes of it on a line of the output.

A line whose result is not finite or very large is left out, and with it all that needs it. The loss is a weighted sum of
the last tensors. `sensitive` says that the numbers of the input decide the answer beyond their own rounding, or that the
rounding of a line decides it (kinks, loss of digits, the order of what is equal but for rounding): such a program compares
nothing.
"""
import json
import math
import sys
import warnings
import torch
from torch.nn import functional as F

warnings.simplefilter("ignore")
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def tensors_of(value):
    return [value] if isinstance(value, torch.Tensor) else [v for v in value if isinstance(v, torch.Tensor)]


def fits(value):
    """PyTorch's own kinds of tensors, finite and not large."""
    return all(
        t.dtype in (torch.float64, torch.int64, torch.bool) and t.numel() <= 2000 and (t.numel() == 0 or (bool(torch.isfinite(t.double()).all()) and float(t.double().abs().max()) < 1e3))
        for t in tensors_of(value)
    )


def rounded(t, sign, known):
    """As another rounding could have left it: what is next to 0 may be 0 or have the other sign. Elements that are equal
    stay equal, also to those they were copied from (`known`), and whole ones whole: they are exact.
    """
    if not isinstance(t, torch.Tensor) or t.dtype != torch.float64 or t.numel() == 0:
        return t
    x = t.detach()
    error = torch.where(x.abs() < 1e-12, -x if sign > 0 else -1e-13 * torch.sin(x * 1e18), sign * 1e-12 * x * torch.sin(x * 1e9))
    other = t + torch.where((x == x.round()) | torch.isin(x, torch.cat(known)), torch.zeros_like(x), error)
    known.append(other.detach().flatten())
    return other


def run(program, nudge):
    sign = math.copysign(1, nudge)
    space = {"torch": torch, "F": F, "math": math}
    leaves = {}
    for name, value in program["parameters"].items():
        leaves[name] = (torch.tensor(value, dtype=torch.float64) * (1 + nudge)).requires_grad_()
    space.update(leaves)
    known = [leaf.detach().flatten() for leaf in leaves.values()]
    for name, value in program["data"].items():
        space[name] = torch.tensor(value["data"], dtype=getattr(torch, value["dtype"])).reshape(value["shape"])
    statuses, kept = [], []
    for line in program["lines"]:
        before = dict(space)
        name = line["text"].split(" = ")[0]
        try:
            exec(line["text"], space)
        except NameError:
            space = before
            statuses.append("missing")
            continue
        except Exception as error:  # whatever PyTorch refuses with
            space = before
            statuses.append("missing" if isinstance(error, AttributeError) and "no attribute" in str(error) else "refused: " + str(error).split("\n")[0][:200])
            continue
        if line.get("refused"):
            space = before
            statuses.append("accepted")
        elif fits(space[name]):
            statuses.append("kept")
            kept.append(name)
            if nudge != 0:
                for key in [key for key in space if key not in before or space[key] is not before[key]]:
                    space[key] = rounded(space[key], sign, known)
        else:
            space = before
            statuses.append("left out")
    loss, terms = torch.zeros(()), []
    for i, name in enumerate(kept[-6:]):
        for j, t in enumerate(tensors_of(space[name])):
            if t.numel() > 0:
                terms.append((name if isinstance(space[name], torch.Tensor) else f"{name}_{j}", t.numel(), i))
                flat = t.double().flatten()
                loss = loss + (flat * torch.cos(torch.arange(flat.numel()) + i)).sum()
    gradients = {}
    differentiable = loss.requires_grad
    if differentiable:
        try:
            loss.backward()
        except (RuntimeError, NotImplementedError):  # some functions have no derivative
            differentiable = False
    for name, leaf in leaves.items():
        gradient = leaf.grad.to_dense() if leaf.grad is not None and leaf.grad.is_sparse else leaf.grad
        gradients[name] = (torch.zeros_like(leaf) if gradient is None else gradient + 0).tolist()  # + 0: some zeros have no storage
    return {"statuses": statuses, "terms": terms, "loss": loss.item(), "gradients": gradients, "requires_grad": differentiable}


def numbers(answer):
    def flat(x):
        return [y for item in x for y in flat(item)] if isinstance(x, list) else [x]
    return [answer["loss"]] + [y for g in answer["gradients"].values() for y in flat(g)]


for text in sys.stdin:
    program = json.loads(text)
    answer = run(program, 0.0)
    plain = numbers(answer)
    answer["sensitive"] = not all(math.isfinite(x) and abs(x) < 1e8 for x in plain)
    for nudge in (1e-11, -1e-11):
        other = run(program, nudge)
        if other["statuses"] != answer["statuses"] or len(numbers(other)) != len(plain):
            answer["sensitive"] = True
        elif not answer["sensitive"]:
            scale = max(1.0, max(map(abs, plain)))
            answer["sensitive"] = any(not abs(x - y) <= 1e-8 * scale for x, y in zip(plain, numbers(other)))
    if answer["sensitive"]:
        answer["loss"], answer["gradients"] = 0, {}
    print(json.dumps(answer), flush=True)
