"""A training service as one writes it in an afternoon: FastAPI and eager PyTorch, one process.

It knows the notebook's example: `w` is trained on `y_hat = w * x` with a squared error and SGD, and each step's loss
and gradient are returned. Says on its output where it listens.
"""
import socket

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

torch.set_num_threads(1)
app = FastAPI()


class Value(BaseModel):
    value: float


class Model(BaseModel):
    parameters: dict[str, Value]
    forward: str


class Optimizer(BaseModel):
    type: str
    lr: float


class Spec(BaseModel):
    model: Model
    loss: str
    data: dict[str, float]
    optimizer: Optimizer
    steps: int


@app.post("/v1/train")
def train(spec: Spec):
    x = torch.tensor(spec.data["x"])
    y = torch.tensor(spec.data["y"])
    w = torch.tensor(spec.model.parameters["w"].value, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=spec.optimizer.lr)
    steps = []
    for step in range(spec.steps):
        optimizer.zero_grad()
        y_hat = w * x
        loss = (y_hat - y) ** 2
        loss.backward()
        optimizer.step()
        steps.append({"step": step + 1, "loss": loss.item(), "gradients": {"w": w.grad.item()}})
    return {"steps": steps, "state": {"w": w.item()}, "status": "succeeded"}


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.run(app, fd=listener.fileno(), log_level="warning")
