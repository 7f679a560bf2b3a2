#!/usr/bin/env python3
"""Makes descent-training.json: runs with every optimizer and every scheduler, with options other than the defaults.

Needs PyTorch (Debian: python3-torch):  python3 test/golden/descent_training.py
What that version lacks is written here after its published formula.
"""
import fnmatch
import math
import os
import torch
from torch import nn
from torch.optim import lr_scheduler
from random_training import write, rounded

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS = [{"type": "Linear", "in_features": 3, "out_features": 6}, {"type": "Tanh"}, {"type": "Linear", "in_features": 6, "out_features": 2}]


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                m = state.setdefault("exp_avg", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * torch.sign(beta1 * m + (1 - beta1) * g))
                m.copy_(beta2 * m + (1 - beta2) * g)


class Muon(torch.optim.Optimizer):
    """Jordan 2024, with the options of torch.optim.Muon; computed in the parameter's dtype."""

    def __init__(self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn="original"):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov, ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            a, b, c = group["ns_coefficients"]
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                u = p.grad.lerp(buffer, group["momentum"]) if group["nesterov"] else buffer.clone()
                tall = u.shape[0] > u.shape[1]
                u = u.T if tall else u
                u = u / u.norm().clamp(min=group["eps"])
                for _ in range(group["ns_steps"]):
                    gram = u @ u.T
                    u = a * u + (b * gram + c * gram @ gram) @ u
                u = u.T if tall else u
                rows, columns = p.shape
                ratio = math.sqrt(max(1, rows / columns)) if group["adjust_lr_fn"] == "original" else 0.2 * math.sqrt(max(rows, columns))
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * ratio * u)


class Decoupled:
    """An optimizer of torch whose weight decay acts on the parameter alone (Loshchilov & Hutter 2019)."""

    def __init__(self, base):
        self.base = base

    def __call__(self, params, weight_decay, decoupled_weight_decay, **options):
        assert decoupled_weight_decay
        base = self.base(params, **options)
        step = base.step

        def decay_and_step():
            for group in base.param_groups:
                for p in group["params"]:
                    p.data.mul_(1 - group["lr"] * weight_decay)
            step()

        base.step = decay_and_step
        return base


class Maximized:
    """An optimizer of torch on gradients with the other sign."""

    def __init__(self, base):
        self.base = base

    def __call__(self, params, maximize, **options):
        assert maximize
        base = self.base(params, **options)
        step = base.step

        def negate_and_step():
            for group in base.param_groups:
                for p in group["params"]:
                    p.grad.neg_()
            step()

        base.step = negate_and_step
        return base


def optimizer_class(type, options):
    if type in ("Lion", "Muon"):
        return {"Lion": Lion, "Muon": Muon}[type]
    base = getattr(torch.optim, type)
    if options.get("decoupled_weight_decay"):
        return Decoupled(base)
    if options.get("maximize") and type in ("NAdam", "RAdam", "Rprop", "RMSprop", "Adadelta", "ASGD"):
        return Maximized(base)
    return base


def make_optimizer(spec, model, frozen):
    spec = dict(spec)
    type, groups = spec.pop("type"), spec.pop("groups", [])
    left = {name: p for name, p in model.named_parameters() if name not in frozen}
    given = []
    for group in groups:
        group = dict(group)
        names = fnmatch.filter(left, group.pop("match"))
        given.append({"params": [left.pop(name) for name in names], **group})
    first = [{"params": list(left.values())}] if left else []
    return optimizer_class(type, spec)(first + given, **spec)


def make_scheduler(spec, optimizer):
    spec = {k: v for k, v in spec.items() if k != "every"}
    type = spec.pop("type")
    if "lr_lambda" in spec:
        texts = spec["lr_lambda"]
        functions = [eval("lambda epoch: " + text, {"math": math}) for text in (texts if isinstance(texts, list) else [texts])]
        spec["lr_lambda"] = functions if isinstance(texts, list) else functions[0]
    if type == "ChainedScheduler":
        return lr_scheduler.ChainedScheduler([make_scheduler(part, optimizer) for part in spec["schedulers"]])
    if type == "SequentialLR":
        return lr_scheduler.SequentialLR(optimizer, [make_scheduler(part, optimizer) for part in spec["schedulers"]], spec["milestones"])
    return getattr(lr_scheduler, type)(optimizer, **spec)


def train(request):
    torch.set_default_dtype(getattr(torch, request["dtype"]))
    x, y = (torch.tensor(request["data"][name]) for name in ("x", "y"))
    torch.manual_seed(request["seed"])
    model = nn.Sequential(*(getattr(nn, layer["type"])(**{k: v for k, v in layer.items() if k != "type"}) for layer in request["model"]["layers"]))
    if "state" in request:
        model.load_state_dict({k: torch.tensor(v) for k, v in request["state"].items()})
    initial = {k: v.tolist() for k, v in model.state_dict().items()}
    frozen = [name for pattern in request.get("freeze", []) for name in fnmatch.filter(dict(model.named_parameters()), pattern)]
    for name, p in model.named_parameters():
        p.requires_grad = name not in frozen
    optimizer = make_optimizer(request["optimizer"], model, frozen)
    schedule = request.get("scheduler")
    scheduler = make_scheduler(schedule, optimizer) if schedule else None
    size, accumulate = request.get("batch_size", len(x)), request.get("accumulate", 1)
    minibatches = math.ceil(len(x) / size)
    total = request["steps"] if "steps" in request else request["epochs"] * minibatches // accumulate
    steps, epoch_losses, done = [], [], 0
    while len(steps) < total:
        optimizer.zero_grad()
        losses, ends = [], False
        for _ in range(accumulate):
            at = done % minibatches
            loss = nn.functional.mse_loss(model(x[at * size:(at + 1) * size]), y[at * size:(at + 1) * size])
            (loss / accumulate).backward()
            losses.append(loss.item())
            done += 1
            ends = ends or done % minibatches == 0
        grads = {k: p.grad.clone() for k, p in model.named_parameters() if p.requires_grad}
        norm = torch.sqrt(sum((g.double() ** 2).sum() for g in grads.values())).item()
        if "clip_grad_norm" in request:
            nn.utils.clip_grad_norm_(model.parameters(), request["clip_grad_norm"])
            # As in training.json, the first gradients are those after clipping.
            grads = {k: p.grad.clone() for k, p in model.named_parameters() if p.requires_grad}
        rates = [group["lr"] for group in optimizer.param_groups]
        if isinstance(optimizer, torch.optim.LBFGS):
            # The step's loss and gradients are those of its first evaluation.
            at = (done - 1) % minibatches

            def closure():
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(model(x[at * size:(at + 1) * size]), y[at * size:(at + 1) * size])
                loss.backward()
                return loss

            optimizer.step(closure)
        else:
            optimizer.step()
        loss = sum(losses) / len(losses)
        steps.append((loss, norm, rates, {k: g.tolist() for k, g in grads.items()}))
        epoch_losses.append(loss)
        if scheduler and (schedule.get("every", "step") == "step" or ends):
            if schedule["type"] == "ReduceLROnPlateau":
                scheduler.step(sum(epoch_losses) / len(epoch_losses))
            else:
                scheduler.step()
            epoch_losses = []
    return {
        "losses": [s[0] for s in steps], "grad_norms": [s[1] for s in steps], "lr": [s[2][0] for s in steps],
        **({"lrs": [s[2] for s in steps]} if len(optimizer.param_groups) > 1 else {}),
        "first_gradients": steps[0][3], "initial_state": initial, "final_state": {k: v.tolist() for k, v in model.state_dict().items()},
    }


def run(name, optimizer, *, steps=12, rows=10, dtype="float64", layers=LAYERS, seed=0, **how):
    torch.set_default_dtype(torch.float64)
    data = torch.Generator().manual_seed(len(name))
    x = rounded(torch.rand(rows, 3, generator=data) * 3 - 1.5)
    y = rounded(torch.rand(rows, 2, generator=data) * 3 - 1.5)
    request = {"model": {"layers": layers}, "loss": {"type": "MSELoss"}, "data": {"x": x, "y": y}, "optimizer": optimizer, "dtype": dtype, "seed": seed, **how}
    if "epochs" not in how:
        request["steps"] = steps
    expect = train(request)
    if dtype == "float64":
        request["state"] = expect["initial_state"]
    return {"name": name, "request": request, "expect": expect}


OPTIMIZERS = {
    "SGD": [dict(lr=0.2, momentum=0.8, dampening=0.3, weight_decay=0.02), dict(lr=0.1, momentum=0.7, nesterov=True, maximize=True)],
    "Adam": [dict(lr=0.03, betas=[0.8, 0.95], eps=1e-4, weight_decay=0.05, amsgrad=True), dict(lr=0.02, maximize=True)],
    "AdamW": [dict(lr=0.03, betas=[0.7, 0.9], eps=1e-5, weight_decay=0.2, amsgrad=True), dict(lr=0.02)],
    "NAdam": [dict(lr=0.02, betas=[0.85, 0.97], eps=1e-6, weight_decay=0.03, momentum_decay=0.02), dict(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True), dict(lr=0.01, maximize=True)],
    "RAdam": [dict(lr=0.02, betas=[0.85, 0.9], eps=1e-6, weight_decay=0.03), dict(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True), dict(lr=0.01, betas=[0.9, 0.8], maximize=True)],
    "Adamax": [dict(lr=0.02, betas=[0.8, 0.9], eps=1e-5, weight_decay=0.1), dict(lr=0.02, maximize=True)],
    "Adagrad": [dict(lr=0.1, lr_decay=0.05, weight_decay=0.1, initial_accumulator_value=0.2, eps=1e-5), dict(lr=0.05, maximize=True)],
    "Adadelta": [dict(lr=0.7, rho=0.8, eps=1e-3, weight_decay=0.1), dict(lr=0.5, eps=1e-2, maximize=True)],
    "RMSprop": [dict(lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1, momentum=0.5, centered=True), dict(lr=0.01, centered=True), dict(lr=0.01, momentum=0.9, maximize=True)],
    "Rprop": [dict(lr=0.02, etas=[0.4, 1.3], step_sizes=[0.001, 0.05]), dict(lr=0.01, maximize=True)],
    "ASGD": [dict(lr=0.1, lambd=0.01, alpha=0.5, t0=5, weight_decay=0.1), dict(lr=0.05, maximize=True)],
    "Lion": [dict(lr=0.02, betas=[0.7, 0.9], weight_decay=0.1), dict(lr=0.01, maximize=True)],
}
LBFGS = [
    dict(lr=0.1), dict(lr=0.2, max_iter=3, history_size=2), dict(lr=0.5, max_iter=7, max_eval=3), dict(line_search_fn="strong_wolfe", max_iter=4), dict(lr=0.3, line_search_fn="strong_wolfe", history_size=3, max_iter=4),
    dict(lr=20, line_search_fn="strong_wolfe", max_iter=2), dict(lr=0.1, tolerance_grad=0.3), dict(lr=0.1, tolerance_change=0.02, line_search_fn="strong_wolfe"), dict(lr=0.1, tolerance_change=0.01, max_iter=1),
]
SGD = {"type": "SGD", "lr": 0.3}
MOMENTUM = {"type": "SGD", "lr": 0.3, "momentum": 0.6}
ADAM = {"type": "Adam", "lr": 0.05}
SCHEDULERS = [
    ("StepLR", SGD, dict(step_size=3, gamma=0.7)), ("MultiStepLR", SGD, dict(milestones=[2, 5, 5, 9], gamma=0.6)), ("ConstantLR", SGD, dict(factor=0.4, total_iters=4)), ("LinearLR", SGD, dict(start_factor=0.2, end_factor=0.8, total_iters=7)),
    ("ExponentialLR", SGD, dict(gamma=0.85)), ("PolynomialLR", SGD, dict(total_iters=9, power=1.7)), ("CosineAnnealingLR", SGD, dict(T_max=5, eta_min=0.02)), ("CosineAnnealingWarmRestarts", SGD, dict(T_0=3, T_mult=2, eta_min=0.01)),
    ("OneCycleLR", MOMENTUM, dict(max_lr=0.5, total_steps=14, pct_start=0.4, anneal_strategy="linear", base_momentum=0.5, max_momentum=0.8, div_factor=10.0, final_div_factor=100.0)),
    ("OneCycleLR", ADAM, dict(max_lr=0.2, epochs=2, steps_per_epoch=7, three_phase=True)), ("OneCycleLR", SGD, dict(max_lr=0.4, total_steps=13, cycle_momentum=False)),
    ("CyclicLR", MOMENTUM, dict(base_lr=0.05, max_lr=0.4, step_size_up=3, step_size_down=2, mode="triangular2", base_momentum=0.5, max_momentum=0.85)),
    ("CyclicLR", SGD, dict(base_lr=0.05, max_lr=0.4, step_size_up=4, mode="exp_range", gamma=0.9, cycle_momentum=False)), ("CyclicLR", ADAM, dict(base_lr=0.01, max_lr=0.1, step_size_up=2, cycle_momentum=False)),
    ("ReduceLROnPlateau", {"type": "SGD", "lr": 3.0}, dict(factor=0.5, patience=1, threshold=0.01, threshold_mode="abs", cooldown=1, min_lr=0.01)), ("ReduceLROnPlateau", SGD, dict(mode="max", factor=0.3, patience=0, eps=0.02)),
    ("LambdaLR", SGD, dict(lr_lambda="0.9 ** epoch * (1 + 0.1 * math.cos(epoch))")), ("MultiplicativeLR", SGD, dict(lr_lambda="0.95 if epoch < 5 else 0.8")),
    ("SequentialLR", SGD, dict(schedulers=[{"type": "LinearLR", "start_factor": 0.1, "total_iters": 3}, {"type": "ExponentialLR", "gamma": 0.8}, {"type": "CosineAnnealingLR", "T_max": 4}], milestones=[3, 7])),
    ("SequentialLR", SGD, dict(schedulers=[{"type": "ConstantLR", "factor": 0.5, "total_iters": 2}, {"type": "CosineAnnealingWarmRestarts", "T_0": 3}], milestones=[4])),
    ("SequentialLR", SGD, dict(schedulers=[{"type": "StepLR", "step_size": 2, "gamma": 0.9}, {"type": "PolynomialLR", "total_iters": 6}, {"type": "LambdaLR", "lr_lambda": "1 / (1 + epoch)"}], milestones=[4, 8])),
    ("ChainedScheduler", SGD, dict(schedulers=[{"type": "ConstantLR", "factor": 0.5, "total_iters": 4}, {"type": "ExponentialLR", "gamma": 0.9}])),
    ("ChainedScheduler", SGD, dict(schedulers=[{"type": "CosineAnnealingLR", "T_max": 6}, {"type": "MultiplicativeLR", "lr_lambda": "0.97"}, {"type": "StepLR", "step_size": 4}])),
]
GROUPS = {"type": "SGD", "lr": 0.1, "momentum": 0.5, "groups": [{"match": "2.*", "lr": 0.3, "weight_decay": 0.1}, {"match": "*.bias", "momentum": 0}]}
ADAM_GROUPS = {"type": "AdamW", "lr": 0.02, "groups": [{"match": "0.weight", "betas": [0.5, 0.8], "amsgrad": True}, {"match": "*bias", "lr": 0.1, "weight_decay": 0}]}


def cases():
    for type, variants in OPTIMIZERS.items():
        for i, options in enumerate(variants):
            yield run(f"descent/{type}/{i}", {"type": type, **options})
        yield run(f"descent/{type}/float32, seed", {"type": type, **variants[0]}, dtype="float32", seed=11)
    matrices = [{"type": "Linear", "in_features": 3, "out_features": 7, "bias": False}, {"type": "Tanh"}, {"type": "Linear", "in_features": 7, "out_features": 2, "bias": False}]
    yield run("descent/Muon/0", {"type": "Muon", "lr": 0.05, "weight_decay": 0.2, "momentum": 0.8}, layers=matrices)
    yield run("descent/Muon/1", {"type": "Muon", "lr": 0.02, "nesterov": False, "ns_steps": 3, "ns_coefficients": [3, -3, 1], "adjust_lr_fn": "match_rms_adamw"}, layers=matrices)
    for i, options in enumerate(LBFGS):
        yield run(f"descent/LBFGS/{i}", {"type": "LBFGS", **options})
    yield run("descent/LBFGS/minibatches and a schedule", {"type": "LBFGS", "lr": 0.3, "max_iter": 3}, rows=11, batch_size=4, scheduler={"type": "ExponentialLR", "gamma": 0.8}, freeze=["0.bias"])
    yield run("descent/LBFGS/float32, seed", {"type": "LBFGS", "lr": 0.2, "max_iter": 1, "line_search_fn": "strong_wolfe"}, dtype="float32", seed=11)
    for i, (type, optimizer, options) in enumerate(SCHEDULERS):
        yield run(f"schedule/{type}/{i}", optimizer, scheduler={"type": type, **options})
    yield run("schedule/float32", ADAM, scheduler={"type": "OneCycleLR", "max_lr": 0.2, "total_steps": 12}, dtype="float32", seed=3)
    yield run("schedule/every epoch", MOMENTUM, rows=11, batch_size=4, epochs=6, scheduler={"type": "ExponentialLR", "gamma": 0.7, "every": "epoch"})
    yield run("schedule/plateau every epoch", {"type": "SGD", "lr": 2.0}, rows=11, batch_size=4, epochs=8, scheduler={"type": "ReduceLROnPlateau", "factor": 0.5, "patience": 0, "every": "epoch"})
    yield run("groups/SGD", GROUPS)
    yield run("groups/AdamW", ADAM_GROUPS)
    yield run("groups/with a schedule", GROUPS, scheduler={"type": "LambdaLR", "lr_lambda": ["0.9 ** epoch", "1 / (1 + epoch)", "1.0"]})
    yield run("groups/CyclicLR, rates by group", GROUPS, scheduler={"type": "CyclicLR", "base_lr": [0.1, 0.2, 0.01], "max_lr": [0.3, 0.4, 0.1], "step_size_up": 3})
    yield run("groups/Rprop", {"type": "Rprop", "lr": 0.01, "groups": [{"match": "0.*", "lr": 0.05, "etas": [0.3, 1.5]}]})
    yield run("freeze/one layer", ADAM, freeze=["0.*"])
    yield run("freeze/biases", {"type": "SGD", "lr": 0.1, "momentum": 0.9, "groups": [{"match": "2.weight", "lr": 0.05}]}, freeze=["*.bias"])
    yield run("accumulate/SGD", MOMENTUM, rows=12, batch_size=3, accumulate=4, steps=10)
    yield run("accumulate/Adam, minibatches of other sizes", ADAM, rows=11, batch_size=4, accumulate=2, steps=10, clip_grad_norm=0.5)
    yield run("accumulate/across epochs, by epochs", ADAM, rows=10, batch_size=3, accumulate=3, epochs=9, scheduler={"type": "StepLR", "step_size": 2, "every": "epoch"})
    yield run("accumulate/float32", ADAM, rows=12, batch_size=2, accumulate=3, steps=12, dtype="float32", seed=7, scheduler={"type": "CosineAnnealingLR", "T_max": 5})
    yield run("descent/LBFGS/strong_wolfe with a large tolerance_change", {"type": "LBFGS", "lr": 60, "tolerance_change": 0.9, "line_search_fn": "strong_wolfe", "max_iter": 4})
    yield run("schedule/CyclicLR begins a sequence", SGD, scheduler={"type": "SequentialLR", "schedulers": [{"type": "CyclicLR", "base_lr": 0.02, "max_lr": 0.3, "step_size_up": 3, "cycle_momentum": False}, {"type": "CosineAnnealingWarmRestarts", "T_0": 2, "T_mult": 2}], "milestones": [4]})
    yield run("schedule/CyclicLR after another", MOMENTUM, scheduler={"type": "ChainedScheduler", "schedulers": [{"type": "MultiStepLR", "milestones": [7, 9]}, {"type": "CyclicLR", "base_lr": 0.03, "max_lr": 0.2, "step_size_up": 2, "step_size_down": 3, "mode": "exp_range", "gamma": 0.9}]})
    yield run("schedule/OneCycleLR within a sequence", MOMENTUM, scheduler={"type": "SequentialLR", "schedulers": [{"type": "OneCycleLR", "max_lr": 0.3, "total_steps": 4}, {"type": "OneCycleLR", "max_lr": 0.2, "total_steps": 8, "three_phase": True}], "milestones": [5]})
    yield run("accumulate/several epochs in a step", MOMENTUM, rows=10, batch_size=5, accumulate=5, steps=10, scheduler={"type": "OneCycleLR", "max_lr": 0.3, "total_steps": 10, "every": "epoch"})


if __name__ == "__main__":
    write("descent-training.json", list(cases()))
