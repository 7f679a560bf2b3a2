#!/usr/bin/env python3
"""Makes control.json, programs whose path depends on numbers:  python3 test/golden/functions/control.py"""
from golden import Family

family = Family("control")
w, x = family.uniform(3), family.uniform(5, 3)


def add(name, *lines):
    family.add(name, list(lines), {"w": w}, {"x": x})


add("if", "s = (x @ w).sum()", "if s > 0:", "    out = s * 2", "elif s < -100:", "    out = s", "else:", "    out = s ** 2")
add("while", "h = x @ w", "n = 0", "while h.norm() > 0.05:", "    h = torch.tanh(h) * 0.7", "    n += 1", "out = h + n * w.sum()")
add("Newton's square root", "a = (w * w).sum() + 1", "r = a", "while (r * r - a).abs() > 1e-9:", "    r = (r + a / r) / 2", "out = r")
add("conditional expression, and, or, not", "m = x.mean()", "p = w if m > 0 and (w > 0).any() else w * w", "q = x if not (x > 5).all() or m > 1 else -x", "out = q @ p")
add("a loop over rows, with break", "out = w.sum() * 0", "for row in x:", "    z = row @ w", "    if z > 0.3:", "        continue", "    if z < -2:", "        break", "    out = out + z.exp()")
add("in a function that calls itself", "def halve(t, n):", "    return t * n if t.abs() < 0.1 else halve(t * 0.5 + 0.001, n + 1)", "out = halve((w * x[0]).sum() + 3, 0)")
add("chained comparison", "z = (w * w).mean()", "out = w * 3 if 0 < z < 0.5 else w * 5")
add("comprehension with a condition", "kept = [row * w for row in x if row.sum() > 0]", "out = torch.stack(kept).sum(dim=0)")
add("depth by the norm of a state", "h = w", "depth = 0", "while bool((h.abs() > 0.2).any()) and depth < 50:", "    h = h - 0.3 * torch.sin(h)", "    depth = depth + 1", "out = h * depth")
add("equal numbers of whole tensors", "k = (x > 0).sum()", "out = w * 2 if k == 7 else w * k")
add("an assertion on numbers", "z = x @ w", "assert (z.abs() < 100).all(), 'small'", "assert z.shape == (5,) and len(x) == 5", "out = z")
add("no_grad", "with torch.no_grad():", "    scale = (w * w).sum()", "    same = w", "    inner = w * 2", "    with torch.enable_grad():", "        kept = w * 3", "out = w * scale + same * inner + kept")
add("set_grad_enabled", "torch.set_grad_enabled(False)", "p = w * 2", "torch.set_grad_enabled(True)", "with torch.set_grad_enabled(w.requires_grad):", "    q = w * 3", "with torch.inference_mode():", "    r = (w ** 2).sum().item() if False else 2", "out = p * q * r")
add("states in a list", "states = [w]", "for row in x:", "    states.append(torch.tanh(states[-1] + row))", "states[0] = states[0] * 2", "out = torch.stack(states).mean(0) + sum(s.sum() for s in states)")
add("layers in a dictionary", "layers = {'up': lambda v: v * w, 'down': torch.tanh}", "h = x", "for name in ('up', 'down', 'up'):", "    h = layers[name](h)", "out = h")
family.write()
