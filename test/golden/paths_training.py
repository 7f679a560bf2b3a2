#!/usr/bin/env python3
"""Makes paths-training.json: training runs whose programs have conditions on tensors, so that steps take different paths.

Needs a PyTorch without MKL (Debian: python3-torch):  python3 test/golden/paths_training.py
"""
from random_training import run, write

LOOP = "h = torch.tanh(fc1(x))\ny_hat = fc2(h)\nwhile y_hat.abs().mean() > 0.3:\n    y_hat = y_hat * 0.8"
BRANCH = "h = fc1(x)\nif h.mean() > 0:\n    h = torch.relu(h)\nelse:\n    h = torch.tanh(h)\ny_hat = fc2(h)"
SIGN = "w = (fc1(x).sum() * 3).sin()\nif w > 0.5:\n    y_hat = fc2(torch.sigmoid(fc1(x)))\nelif w > -0.5:\n    y_hat = fc2(torch.tanh(fc1(x)))\nelse:\n    y_hat = fc2(fc1(x) * 0.5)"
ADAM = {"type": "Adam", "lr": 0.05}
cases = [
    run("paths/while", LOOP, steps=40, optimizer={"type": "SGD", "lr": 0.3, "momentum": 0.9}),
    run("paths/while, float32", LOOP, steps=40, dtype="float32", seed=1, optimizer={"type": "SGD", "lr": 0.3, "momentum": 0.9}),
    run("paths/if", BRANCH, steps=30, optimizer=ADAM, seed=1),
    run("paths/three ways", SIGN, steps=40, optimizer={"type": "SGD", "lr": 0.4}, seed=4),
    run("paths/three ways, minibatches", SIGN, rows=11, batch_size=4, shuffle=True, epochs=12, optimizer={"type": "SGD", "lr": 0.2}, seed=2),
    run("paths/minibatches of other sizes", BRANCH, rows=13, batch_size=4, epochs=6, optimizer=ADAM, seed=5),
    run("paths/on a draw", "h = torch.tanh(fc1(x))\nif torch.rand(()) < 0.5:\n    h = h + 0.1 * torch.randn(8)\nelse:\n    h = F.dropout(h, 0.4)\ny_hat = fc2(h)", steps=30, optimizer=ADAM, seed=3),
    run("paths/on a draw, minibatches, shuffled", "n = torch.randint(0, 3, ())\nh = fc1(x)\nwhile n > 0:\n    h = torch.tanh(h * 1.5)\n    n = n - 1\ny_hat = fc2(h)", rows=9, batch_size=2, shuffle=True, epochs=5, optimizer=ADAM, seed=4),
    run("paths/in the loss", "y_hat = fc2(torch.tanh(fc1(x)))", loss="F.mse_loss(y_hat, y) if y_hat.std() > 0.4 else F.l1_loss(y_hat, y)", steps=30, optimizer={"type": "SGD", "lr": 0.3}),
    run("paths/an index that only one path has", "n = (torch.sin(fc1(x).sum() * 5) * 14).long()\nif n >= 0:\n    if n < 10:\n        y_hat = fc2(torch.tanh(fc1(x + x[n])))\n    else:\n        y_hat = fc2(torch.tanh(fc1(x)))\nelse:\n    y_hat = fc2(fc1(x))", steps=40, optimizer={"type": "SGD", "lr": 0.1}, seed=7),
]
if __name__ == "__main__":
    write("paths-training.json", cases)
