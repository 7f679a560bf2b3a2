#!/usr/bin/env python3
"""Makes layers-training.json: ten steps or more with each layer, with options other than the defaults.

Needs a PyTorch without MKL (Debian: python3-torch):  python3 test/golden/layers_training.py

A model is a list of layers, or modules and a program. `eval_loss` is the loss of the final state in eval mode.
"""
import math
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from random_training import write

torch.set_default_dtype(torch.float64)
ROWS = 6
generator = torch.Generator().manual_seed(30)


def uniform(*shape, low=-1.5, high=1.5):
    return ((torch.rand(shape, generator=generator) * (high - low) + low) * 1000).round() / 1000


def integers(high, *shape, low=0):
    return torch.randint(low, high, shape, generator=generator)


class Sequential(nn.Sequential):
    def forward(self, x):
        return passed_on(self, x)


class Residual(nn.Sequential):
    def forward(self, x):
        return x + passed_on(self, x)


class RMSNorm(nn.Module):
    """PyTorch 1.13 has none: by the formula of torch.nn.RMSNorm."""

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True):
        super().__init__()
        self.shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(self.shape)) if elementwise_affine else None

    def forward(self, x):
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        y = x * torch.rsqrt(x.pow(2).mean([-1 - i for i in range(len(self.shape))], keepdim=True) + eps)
        return y if self.weight is None else y * self.weight


class Pad(nn.Module):
    """CircularPad and ZeroPad of ranks that PyTorch 1.13 lacks, by the formulas of torch.nn."""

    def __init__(self, rank, mode, padding):
        super().__init__()
        self.padding = (padding,) * (2 * rank) if isinstance(padding, int) else padding
        self.mode = mode

    def forward(self, x):
        return F.pad(x, self.padding, self.mode)


def passed_on(layers, x):
    """Each layer gets the first result of the one before."""
    for layer in layers:
        x = layer(x)
        x = x[0] if isinstance(x, tuple) else x
    return x


def build(spec):
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in spec.items() if key not in ("type", "layers")}
    if spec["type"] in ("Sequential", "Residual"):
        return {"Sequential": Sequential, "Residual": Residual}[spec["type"]](*[build(layer) for layer in spec["layers"]])
    if spec["type"] == "RMSNorm":
        return RMSNorm(**options)
    if not hasattr(nn, spec["type"]) and "Pad" in spec["type"]:
        return Pad(int(spec["type"][-2]), "circular" if spec["type"].startswith("Circular") else "constant", **options)
    if spec["type"] in ("TransformerEncoder", "TransformerDecoder"):
        options = {key: build(value) if isinstance(value, dict) else value for key, value in options.items()}
    return getattr(nn, spec["type"])(**options)


def plain(value):
    return value.tolist() if value.is_floating_point() else {"data": value.flatten().tolist(), "shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}


def run(request, data):
    """What PyTorch makes of the request."""
    torch.set_default_dtype(getattr(torch, request["dtype"]))
    data = {key: value.to(torch.get_default_dtype()) if value.is_floating_point() else value for key, value in data.items()}
    torch.manual_seed(request["seed"])
    model = request["model"]
    space = {"torch": torch, "nn": nn, "F": F, "math": math}
    if "layers" in model:
        module = nn.Sequential(*[build(layer) for layer in model["layers"]])
    else:
        module = nn.ModuleDict({name: build(spec) for name, spec in model["modules"].items()})
        space.update(module)
    initial = {k: v.tolist() for k, v in module.state_dict().items()}
    normal = [f"{name}.weight" for name, part in module.named_modules() if isinstance(part, (nn.Embedding, nn.EmbeddingBag))]
    normal += [f"{name}.{bias}" for name, part in module.named_modules() if isinstance(part, nn.MultiheadAttention) and part.bias_k is not None for bias in ("bias_k", "bias_v")]
    opt = torch.optim.SGD(module.parameters(), lr=request["optimizer"]["lr"])
    losses, norms, first, done = [], [], None, 0

    def loss_of(rows):
        names = {**space, **rows}
        if "layers" in model:
            names["y_hat"] = passed_on(module, names["x"])
        else:
            exec("\n".join(model["forward"]), names)
        return eval(request["loss"], names)

    loader = DataLoader(range(ROWS), batch_size=request["batch_size"]) if "batch_size" in request else [torch.arange(ROWS)]
    while done < request["steps"]:
        for rows in loader:
            if done == request["steps"]:
                break
            opt.zero_grad()
            loss = loss_of({key: value[rows] for key, value in data.items()})
            loss.backward()
            losses.append(loss.item())
            grads = {k: p.grad if p.grad is not None else torch.zeros_like(p) for k, p in module.named_parameters()}
            norms.append(math.sqrt(sum((g.double() ** 2).sum().item() for g in grads.values())))
            first = first or {k: g.tolist() for k, g in grads.items()}
            opt.step()
            done += 1
    expect = {"losses": losses, "grad_norms": norms, "first_gradients": first, "initial_state": initial, "final_state": {k: v.tolist() for k, v in module.state_dict().items()}}
    module.eval()
    with torch.no_grad():
        expect["eval_loss"] = loss_of(data).item()
    if normal:
        expect["normal"] = normal
    torch.set_default_dtype(torch.float64)
    assert all(map(math.isfinite, losses)), "the loss is not finite"
    return expect


cases = []


def add(name, model, x, shape=None, lr=0.1, steps=10, dtype="float64", **how):
    """`model` is a list of layers, or (modules, program). `shape` of what it gives; y has it too. Further tensors in `data`."""
    model = {"layers": model} if isinstance(model, list) else {"modules": model[0], "forward": model[1].split("\n")}
    data = {"x": x, "y": uniform(*shape), **how.pop("data", {})}
    assert all(len(value) == ROWS for value in data.values())
    request = {"model": model, "loss": "((y_hat - y) ** 2).mean()", "data": {key: plain(value) for key, value in data.items()}, "optimizer": {"type": "SGD", "lr": lr}, "steps": steps, "dtype": dtype, "seed": len(cases), **how}
    cases.append({"name": f"layers/{name}", "request": request, "expect": run(request, data)})


def layer(type, **options):
    return {"type": type, **options}


def linear(inputs, outputs, **options):
    return layer("Linear", in_features=inputs, out_features=outputs, **options)


row, sequence, image = uniform(ROWS, 4), uniform(ROWS, 5, 3), uniform(ROWS, 2, 6, 5)

# ---- linear

add("Linear/without bias", [linear(4, 3, bias=False), layer("Identity"), linear(3, 2)], row, (ROWS, 2))
add("Flatten, Unflatten", [layer("Flatten", start_dim=0, end_dim=1), linear(3, 4), layer("Unflatten", dim=0, unflattened_size=[-1, 5]), layer("Flatten"), linear(20, 2)], sequence, (ROWS, 2))
add("Bilinear", ({"both": layer("Bilinear", in1_features=4, in2_features=3, out_features=2)}, "y_hat = both(x, z) + both(input1=x, input2=z)"), row, (ROWS, 2), data={"z": uniform(ROWS, 3)})
add("Bilinear/without bias", ({"both": layer("Bilinear", in1_features=3, in2_features=3, out_features=2, bias=False)}, "y_hat = both(x, x.flip(1))"), sequence, (ROWS, 5, 2))
add("Sequential and Residual", [linear(4, 5), layer("Residual", layers=[linear(5, 5), layer("Tanh"), layer("Sequential", layers=[linear(5, 5, bias=False)])]), layer("Residual", layers=[layer("Residual", layers=[linear(5, 5)])]), linear(5, 2)], row, (ROWS, 2))
add("Residual/in a program", ({"block": layer("Residual", layers=[linear(4, 4), layer("GELU", approximate="tanh")])}, "y_hat = block(block(x))"), row, (ROWS, 4))

# ---- activations

for act in (
    layer("PReLU"), layer("PReLU", num_parameters=6, init=-0.3), layer("Softmin", dim=1), layer("Softmin"), layer("Threshold", threshold=-0.1, value=0.2), layer("RReLU", lower=0.2, upper=0.2),
    layer("LogSoftmax", dim=0), layer("Softmax", dim=-1), layer("CELU", alpha=0.4), layer("Softplus", beta=0.5, threshold=3), layer("Hardtanh", min_val=-0.2, max_val=0.7), layer("ReLU6", inplace=True),
):
    add(f"{act['type']}/{len(cases)}", [linear(4, 6), act, linear(6, 2)], row, (ROWS, 2), steps=10)
add("GLU", [linear(4, 6), layer("GLU"), linear(3, 2)], row, (ROWS, 2))
add("GLU/dim", [layer("GLU", dim=-2), linear(3, 2)], uniform(ROWS, 4, 3), (ROWS, 2, 2))
add("Softmax2d", ({"fc": linear(5, 5)}, "y_hat = nn.Softmax2d()(fc(x))"), image, (ROWS, 2, 6, 5))

# ---- dropout

for kind in ("Dropout", "AlphaDropout"):
    add(f"{kind}", [linear(4, 6), layer(kind, p=0.3), layer("SELU"), linear(6, 2)], row, (ROWS, 2), batch_size=4)
add("Dropout1d", [linear(3, 4), layer("Dropout1d", p=0.4), linear(4, 2)], sequence, (ROWS, 5, 2))
add("Dropout2d", [linear(5, 4), layer("Dropout2d", p=0.4), linear(4, 2)], image, (ROWS, 2, 6, 2))
add("Dropout3d", [linear(5, 4), layer("Dropout3d", p=0.6), linear(4, 2)], image, (ROWS, 2, 6, 2))
add("FeatureAlphaDropout", [linear(5, 4), layer("FeatureAlphaDropout", p=0.4), linear(4, 2)], image, (ROWS, 2, 6, 2))
add("Dropout/in a program", ({"fc": linear(4, 6), "drop": layer("Dropout", p=0.6)}, "h = drop(torch.tanh(fc(x)))\ny_hat = (drop(h) * h).sum(1, keepdim=True)"), row, (ROWS, 1), lr=0.01)

# ---- tables

indices = integers(7, ROWS, 4)
add("Embedding/padding_idx", [layer("Embedding", num_embeddings=7, embedding_dim=3, padding_idx=-2), layer("Flatten"), linear(12, 2)], indices, (ROWS, 2))
add("Embedding/scale_grad_by_freq", [layer("Embedding", num_embeddings=7, embedding_dim=3, scale_grad_by_freq=True, padding_idx=0), linear(3, 2)], indices, (ROWS, 4, 2), lr=0.5, batch_size=3)
add("Embedding/of one number", ({"table": layer("Embedding", num_embeddings=7, embedding_dim=8)}, "y_hat = table(x) + table.weight[0]"), integers(7, ROWS), (ROWS, 8), dtype="float32")
for mode in ("sum", "mean", "max"):
    add(f"EmbeddingBag/{mode}", [layer("EmbeddingBag", num_embeddings=7, embedding_dim=3, mode=mode, padding_idx=2), linear(3, 2)], indices, (ROWS, 2))
add("EmbeddingBag/offsets", ({"bag": layer("EmbeddingBag", num_embeddings=7, embedding_dim=3, mode="sum", include_last_offset=True)}, "y_hat = bag(x, offsets, per_sample_weights=w)[0] + bag(x, offsets, w)[1] + torch.zeros(6, 3)"), integers(7, ROWS), (ROWS, 3), data={"offsets": torch.tensor([0, 2, 2, 4, 5, 6]), "w": uniform(ROWS)})

# ---- normalization

add("BatchNorm1d/momentum", [linear(4, 5), layer("BatchNorm1d", num_features=5, momentum=0.3, eps=0.01), layer("Tanh"), linear(5, 2)], row, (ROWS, 2), batch_size=3)
add("BatchNorm1d/cumulative average", [linear(4, 5), layer("BatchNorm1d", num_features=5, momentum=None), layer("Tanh"), linear(5, 2)], row, (ROWS, 2), batch_size=2)
add("BatchNorm1d/sequences, not affine", [layer("BatchNorm1d", num_features=5, affine=False), linear(3, 2)], sequence, (ROWS, 5, 2))
add("BatchNorm1d/no running statistics", [linear(4, 5), layer("BatchNorm1d", num_features=5, track_running_stats=False), linear(5, 2)], row, (ROWS, 2))
add("BatchNorm1d/float32", [linear(4, 5), layer("BatchNorm1d", num_features=5, momentum=None), layer("ReLU"), linear(5, 2)], row, (ROWS, 2), dtype="float32")
add("BatchNorm2d", [layer("BatchNorm2d", num_features=2, momentum=0.2), layer("Flatten"), linear(60, 2)], image, (ROWS, 2), lr=0.01)
add("BatchNorm3d", [layer("BatchNorm3d", num_features=2), layer("Flatten"), linear(120, 2)], uniform(ROWS, 2, 3, 4, 5), (ROWS, 2), lr=0.01)
add("BatchNorm1d/twice in a pass", ({"fc": linear(4, 4), "norm": layer("BatchNorm1d", num_features=4, momentum=0.4)}, "y_hat = norm(fc(x)) * norm(x * 2)"), row, (ROWS, 4))
add("InstanceNorm1d", [linear(3, 4), layer("InstanceNorm1d", num_features=5, eps=0.1, affine=True), linear(4, 2)], sequence, (ROWS, 5, 2))
add("InstanceNorm1d/running statistics", [linear(3, 4), layer("InstanceNorm1d", num_features=5, momentum=0.3, track_running_stats=True), linear(4, 2)], sequence, (ROWS, 5, 2), batch_size=4)
add("InstanceNorm2d/everything", [layer("InstanceNorm2d", num_features=2, affine=True, track_running_stats=True), linear(5, 2)], image, (ROWS, 2, 6, 2))
add("InstanceNorm1d/single samples", ({"fc": linear(3, 4), "norm": layer("InstanceNorm1d", num_features=5, affine=True)}, "y_hat = torch.stack([norm(fc(row)) for row in x])"), sequence, (ROWS, 5, 4))
add("InstanceNorm3d", [layer("InstanceNorm3d", num_features=2, affine=True), layer("Flatten"), linear(120, 2)], uniform(ROWS, 2, 3, 4, 5), (ROWS, 2), lr=0.01)
add("LayerNorm/two dimensions", [linear(3, 4), layer("LayerNorm", normalized_shape=[5, 4], eps=0.1), linear(4, 2)], sequence, (ROWS, 5, 2))
add("LayerNorm/not affine", [linear(4, 5), layer("LayerNorm", normalized_shape=[5], elementwise_affine=False), linear(5, 2)], row, (ROWS, 2))
add("RMSNorm", [linear(4, 5), layer("RMSNorm", normalized_shape=5), linear(5, 2)], row, (ROWS, 2))
add("RMSNorm/options", [linear(3, 4), layer("RMSNorm", normalized_shape=[5, 4], eps=0.1), layer("RMSNorm", normalized_shape=4, elementwise_affine=False), linear(4, 2)], sequence, (ROWS, 5, 2))
add("GroupNorm", [linear(4, 6), layer("GroupNorm", num_groups=3, num_channels=6, eps=0.01), linear(6, 2)], row, (ROWS, 2))
add("GroupNorm/images, not affine", [linear(5, 4), layer("GroupNorm", num_groups=1, num_channels=2, affine=False), linear(4, 2)], image, (ROWS, 2, 6, 2))
add("LocalResponseNorm", [linear(3, 4), layer("LocalResponseNorm", size=3, alpha=0.5, beta=0.6, k=2), linear(4, 2)], sequence, (ROWS, 5, 2))

# ---- recurrent

def both(cell):
    """The last output of a sequence and of a state: all results take part in the loss."""
    state = "h + c" if cell == "LSTM" else "h"
    return f"out, {'(h, c)' if cell == 'LSTM' else 'h'} = rnn(x)\nstate = {state}\n"


for cell in ("RNN", "LSTM", "GRU"):
    sizes = {"input_size": 3, "hidden_size": 4}
    start = "(h0, c0)" if cell == "LSTM" else "h0"
    states = lambda *shape: {"h0": uniform(ROWS, *shape), **({"c0": uniform(ROWS, *shape)} if cell == "LSTM" else {})}
    add(f"{cell}/two layers, both directions", [layer(cell, **sizes, num_layers=2, bidirectional=True, batch_first=True), linear(8, 2)], sequence, (ROWS, 5, 2))
    add(f"{cell}/dropout", [layer(cell, **sizes, num_layers=3, dropout=0.4, batch_first=True), linear(4, 2)], sequence, (ROWS, 5, 2), batch_size=4)
    add(f"{cell}/without bias, length first", [layer(cell, **sizes, bias=False), linear(4, 2)], sequence, (ROWS, 5, 2))
    add(f"{cell}/state", ({"rnn": layer(cell, **sizes, num_layers=2, batch_first=True), "fc": linear(4, 2)}, both(cell) + "y_hat = fc(out[:, -1] + state[1] * state[0])"), sequence, (ROWS, 2))
    add(f"{cell}/first state", ({"rnn": layer(cell, **sizes, num_layers=2, bidirectional=True, batch_first=True), "fc": linear(8, 2)}, (f"h0, c0 = h0.transpose(0, 1), c0.transpose(0, 1)\n" if cell == "LSTM" else "h0 = h0.transpose(0, 1)\n") + f"out, last = rnn(x, {start})\nstate = {'last[0] * last[1]' if cell == 'LSTM' else 'last'}\ny_hat = fc(out.sum(1)) + state.sum((0, 2))[:, None]"), sequence, (ROWS, 2), data=states(4, 4), lr=0.01)
    add(f"{cell}/single sequences", ({"rnn": layer(cell, **sizes, bidirectional=True)}, f"y_hat = torch.stack([rnn(row)[0] for row in x]) * rnn(x[0], {'(h0[:2], c0[:2])' if cell == 'LSTM' else 'hx=h0[:2]'})[0]"), sequence, (ROWS, 5, 8), data=states(4))
    add(f"{cell}/float32", [layer(cell, **sizes, batch_first=True), linear(4, 2)], sequence, (ROWS, 5, 2), dtype="float32")
    loop = "h, c = cell(x[:, 0])\nfor t in range(1, 5):\n    h, c = cell(x[:, t], (h, c))\ny_hat = fc(h * c)" if cell == "LSTM" else "h = cell(x[:, 0])\nfor t in range(1, 5):\n    h = cell(x[:, t], hx=h)\ny_hat = fc(h)"
    add(f"{cell}Cell/steps of a sequence", ({"cell": layer(f"{cell}Cell", **sizes), "fc": linear(4, 2)}, loop), sequence, (ROWS, 2))
    add(f"{cell}Cell/single samples, without bias", ({"cell": layer(f"{cell}Cell", **sizes, bias=False)}, f"y_hat = torch.stack([cell(row){'[1]' if cell == 'LSTM' else ''} for row in x])"), uniform(ROWS, 3), (ROWS, 4))
    add(f"{cell}Cell/in a list", [layer(f"{cell}Cell", **sizes), linear(4, 2)], uniform(ROWS, 3), (ROWS, 2))
add("RNN/relu", [layer("RNN", input_size=3, hidden_size=4, nonlinearity="relu", num_layers=2, batch_first=True), linear(4, 2)], sequence, (ROWS, 5, 2))
add("RNNCell/relu", [layer("RNNCell", input_size=3, hidden_size=4, nonlinearity="relu"), linear(4, 2)], uniform(ROWS, 3), (ROWS, 2))
add("LSTM/proj_size", [layer("LSTM", input_size=3, hidden_size=5, proj_size=2, num_layers=2, bidirectional=True, batch_first=True), linear(4, 2)], sequence, (ROWS, 5, 2))
add("LSTM/state of proj_size", ({"rnn": layer("LSTM", input_size=3, hidden_size=4, proj_size=2, batch_first=True)}, "out, (h, c) = rnn(x)\ny_hat = out + h.transpose(0, 1) * c.sum()"), sequence, (ROWS, 5, 2), lr=0.01)
add("LSTM/in Sequential and Residual", [layer("Residual", layers=[layer("LSTM", input_size=3, hidden_size=3, batch_first=True)]), layer("Sequential", layers=[layer("GRU", input_size=3, hidden_size=4, batch_first=True), linear(4, 2)])], sequence, (ROWS, 5, 2))

# ---- attention

words, memory = uniform(ROWS, 5, 6), uniform(ROWS, 4, 6)
attention = {"embed_dim": 6, "num_heads": 3}


def attend(name, options, program, shape=(ROWS, 5, 6), x=words, more=None, **how):
    add(f"MultiheadAttention/{name}", ({"attn": layer("MultiheadAttention", **{**attention, **options}), **(more or {})}, program), x, shape, **how)


attend("self-attention, length first", {}, "y_hat = attn(x, x, x)[0]")
attend("weights", {"batch_first": True}, "out, w = attn(x, x, x)\ny_hat = out * w.sum(2, keepdim=True) * w[:, :, :1]")
attend("weights of the heads", {"batch_first": True}, "out, w = attn(query=x, key=x * 2, value=x, average_attn_weights=False)\ny_hat = out * w.pow(2).sum((1, 3))[:, :, None]")
attend("without weights or bias", {"batch_first": True, "bias": False}, "out, w = attn(x, m, m, need_weights=False)\ny_hat = out if w is None else x", data={"m": memory})
attend("kdim and vdim", {"batch_first": True, "kdim": 4, "vdim": 3, "num_heads": 2}, "y_hat = attn(x, k, v)[0]", data={"k": uniform(ROWS, 3, 4), "v": uniform(ROWS, 3, 3)})
attend("kdim alone, without bias", {"kdim": 4, "bias": False}, "y_hat = attn(x, k, x)[0]", data={"k": uniform(ROWS, 5, 4)})
attend("add_bias_kv and add_zero_attn", {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True}, "out, w = attn(x, x, x)\ny_hat = out * w[:, :, -1:]")
attend("dropout", {"batch_first": True, "dropout": 0.4}, "out, w = attn(x, x, x)\ny_hat = out * w[:, :, :1]", batch_size=4)
attend("single samples", {}, "y_hat = torch.stack([attn(row, row, row)[0] * attn(row, row[:2], row[:2], average_attn_weights=False)[1].sum() for row in x])", lr=0.01)
attend("bool masks", {"batch_first": True, "add_zero_attn": True}, "pad = torch.arange(5) >= (lengths[:, None])\ny_hat = attn(x, x, x, pad, attn_mask=torch.ones(5, 5).triu(1).bool())[0]", data={"lengths": torch.tensor([1, 2, 3, 4, 5, 3])})
attend("float mask", {"batch_first": True, "add_bias_kv": True}, "y_hat = attn(x, x, x, attn_mask=bias[0])[0]", data={"bias": uniform(ROWS, 5, 5)})
attend("a mask for each head of each sample", {"batch_first": True}, "y_hat = attn(x, x, x, attn_mask=bias.flatten(0, 1))[0]", data={"bias": uniform(ROWS, 3, 5, 5)})
attend("padding of the keys, float32", {"batch_first": True}, "y_hat = attn(x, m, m, key_padding_mask=torch.arange(4) >= lengths[:, None], need_weights=False)[0]", data={"m": memory, "lengths": torch.tensor([1, 2, 3, 4, 4, 3])}, dtype="float32")

# ---- transformers

block = {"d_model": 6, "nhead": 2, "dim_feedforward": 8}
heads = {"attn": layer("MultiheadAttention", **attention)}
add("TransformerEncoderLayer/length first, gelu", [layer("TransformerEncoderLayer", **block, dropout=0.0, activation="gelu", layer_norm_eps=0.01), linear(6, 2)], words, (ROWS, 5, 2))
add("TransformerEncoderLayer/norm_first", [layer("TransformerEncoderLayer", **block, dropout=0.0, norm_first=True, batch_first=True), linear(6, 2)], words, (ROWS, 5, 2))
for batch_first in (False, True):
    add(f"TransformerEncoderLayer/dropout, batch_first={batch_first}", [layer("TransformerEncoderLayer", **block, dropout=0.3, batch_first=batch_first), linear(6, 2)], words, (ROWS, 5, 2), batch_size=4)
    add(f"TransformerDecoderLayer/dropout, batch_first={batch_first}", ({"decoder": layer("TransformerDecoderLayer", **block, dropout=0.2, batch_first=batch_first, norm_first=batch_first)}, "y_hat = decoder(x, m)"), words, (ROWS, 5, 6), data={"m": uniform(ROWS, 5, 6)})
add("TransformerEncoderLayer/masks", ({"encoder": layer("TransformerEncoderLayer", **block, dropout=0.0, batch_first=True)}, "y_hat = encoder(x, src_mask=torch.ones(5, 5).triu(1).bool(), src_key_padding_mask=torch.arange(5) >= lengths[:, None])"), words, (ROWS, 5, 6), data={"lengths": torch.tensor([1, 2, 3, 4, 5, 3])})
add("TransformerEncoderLayer/single samples", ({"encoder": layer("TransformerEncoderLayer", **block, dropout=0.0)}, "y_hat = torch.stack([encoder(row) for row in x])"), words, (ROWS, 5, 6))
add("TransformerEncoder", [layer("TransformerEncoder", encoder_layer=layer("TransformerEncoderLayer", **block, dropout=0.1, batch_first=True), num_layers=3, norm=layer("LayerNorm", normalized_shape=6, eps=0.01)), linear(6, 2)], words, (ROWS, 5, 2))
add("TransformerEncoder/without norm, mask", ({"encoder": layer("TransformerEncoder", encoder_layer=layer("TransformerEncoderLayer", **block, dropout=0.0, batch_first=True, norm_first=True), num_layers=2)}, "y_hat = encoder(x, torch.full((5, 5), -math.inf).triu(1))"), words, (ROWS, 5, 6))
add("TransformerDecoderLayer/masks", ({"decoder": layer("TransformerDecoderLayer", **block, dropout=0.0, activation="gelu", batch_first=True)}, "causal = torch.ones(5, 5).triu(1).bool()\npad = torch.arange(4) >= lengths[:, None]\ny_hat = decoder(x, m, causal, memory_mask=mm[0], memory_key_padding_mask=pad) * decoder(tgt=x, memory=m, tgt_key_padding_mask=torch.arange(5) >= lengths[:, None])"), words, (ROWS, 5, 6), data={"m": memory, "lengths": torch.tensor([1, 2, 3, 4, 4, 3]), "mm": uniform(ROWS, 5, 4) > 1.0}, lr=0.05)
add("TransformerDecoder", ({"decoder": layer("TransformerDecoder", decoder_layer=layer("TransformerDecoderLayer", **block, dropout=0.1, batch_first=True), num_layers=2, norm=layer("LayerNorm", normalized_shape=[6], elementwise_affine=False))}, "y_hat = decoder(x, m)"), words, (ROWS, 5, 6), data={"m": memory})
add("TransformerEncoderLayer/float32", [layer("TransformerEncoderLayer", **block, dropout=0.0, batch_first=True), linear(6, 2)], words, (ROWS, 5, 2), dtype="float32")

# ---- convolutions

signal, volume = uniform(ROWS, 4, 9), uniform(ROWS, 2, 4, 5, 4)


def conv(rank, inputs, outputs, kernel, transposed=False, **options):
    return layer(f"Conv{'Transpose' if transposed else ''}{rank}d", in_channels=inputs, out_channels=outputs, kernel_size=kernel, **options)


add("Conv1d/groups, dilation", [conv(1, 4, 6, 3, stride=2, padding=1, dilation=2, groups=2), layer("Tanh"), layer("Flatten"), linear(24, 2)], signal, (ROWS, 2))
add("Conv1d/without bias, same", [conv(1, 4, 3, 4, padding="same", bias=False), linear(9, 2)], signal, (ROWS, 3, 2))
add("Conv2d/tuples", [conv(2, 2, 4, [3, 2], stride=[2, 1], padding=[1, 0], dilation=[1, 2]), layer("ReLU"), layer("Flatten"), linear(36, 2)], image, (ROWS, 2))
add("Conv2d/valid, single samples", ({"conv": conv(2, 2, 2, 3, padding="valid")}, "y_hat = torch.stack([conv(one) for one in x])"), image, (ROWS, 2, 4, 3))
for mode in ("reflect", "replicate", "circular"):
    add(f"Conv2d/{mode}", [conv(2, 2, 3, 3, padding=[1, 2], padding_mode=mode)], image, (ROWS, 3, 6, 7))
add("Conv1d/reflect, same", [conv(1, 4, 3, 4, padding="same", padding_mode="reflect")], signal, (ROWS, 3, 9))
add("Conv3d", [conv(3, 2, 3, [2, 3, 2], padding=1, groups=1), layer("Flatten"), linear(375, 2)], volume, (ROWS, 2), lr=0.02)
add("ConvTranspose1d", [conv(1, 4, 6, 3, transposed=True, stride=2, padding=1, output_padding=1, groups=2, dilation=2)], signal, (ROWS, 6, 20))
add("ConvTranspose2d/without bias", [conv(2, 2, 3, [3, 2], transposed=True, stride=[1, 2], output_padding=[0, 1], bias=False)], image, (ROWS, 3, 8, 11))
add("ConvTranspose2d/output_size", ({"up": conv(2, 2, 2, 3, transposed=True, stride=2, padding=1)}, "y_hat = up(x, output_size=(12, 9)) + up(x, [6, 2, 12, 9])"), image, (ROWS, 2, 12, 9))
add("ConvTranspose3d", [conv(3, 2, 1, 2, transposed=True, stride=2), layer("Flatten"), linear(640, 2)], volume, (ROWS, 2), lr=0.02)
add("Conv2d/float32", [conv(2, 2, 4, 3, padding=1), layer("ReLU"), layer("MaxPool2d", kernel_size=2), layer("Flatten"), linear(24, 2)], image, (ROWS, 2), dtype="float32")
add("Conv2d/batch norm between", [conv(2, 2, 4, 3, bias=False), layer("BatchNorm2d", num_features=4), layer("ReLU"), layer("AdaptiveAvgPool2d", output_size=1), layer("Flatten"), linear(4, 2)], image, (ROWS, 2), batch_size=3)

# ---- pools

for rank, x, channels in ((1, signal, 4), (2, image, 2), (3, volume, 2)):
    first = conv(rank, channels, 3, 1)
    ends = lambda *sizes: (ROWS, 3, *sizes)
    add(f"MaxPool{rank}d", [first, layer(f"MaxPool{rank}d", kernel_size=3, stride=2, padding=1, ceil_mode=True)], x, ends(*[n // 2 + 1 for n in x.shape[2:]]))
    add(f"AvgPool{rank}d", [first, layer(f"AvgPool{rank}d", kernel_size=2, stride=1, padding=1, count_include_pad=False)], x, ends(*[n + 1 for n in x.shape[2:]]))
    add(f"AdaptiveAvgPool{rank}d", [first, layer(f"AdaptiveAvgPool{rank}d", output_size=3)], x, ends(*[3] * rank))
    add(f"AdaptiveMaxPool{rank}d", [first, layer(f"AdaptiveMaxPool{rank}d", output_size=2)], x, ends(*[2] * rank))
add("MaxPool2d/dilation, tuples", [conv(2, 2, 3, 1), layer("MaxPool2d", kernel_size=[3, 2], dilation=[1, 2])], image, (ROWS, 3, 2, 1))
add("MaxPool2d/indices", ({"conv": conv(2, 2, 3, 1), "pool": layer("MaxPool2d", kernel_size=2, return_indices=True)}, "values, places = pool(conv(x))\ny_hat = values * (places + 1)"), image, (ROWS, 3, 3, 2), lr=0.001)
add("MaxPool1d/indices in a list", [conv(1, 4, 3, 1), layer("MaxPool1d", kernel_size=2, return_indices=True)], signal, (ROWS, 3, 4))
add("AvgPool2d/divisor_override", [conv(2, 2, 3, 1), layer("AvgPool2d", kernel_size=[2, 3], divisor_override=5)], image, (ROWS, 3, 3, 1))
add("AvgPool1d/ceil_mode", [conv(1, 4, 3, 1), layer("AvgPool1d", kernel_size=2, ceil_mode=True)], signal, (ROWS, 3, 5))
add("AdaptiveAvgPool2d/null", [conv(2, 2, 3, 1), layer("AdaptiveAvgPool2d", output_size=[None, 3])], image, (ROWS, 3, 6, 3))
add("AdaptiveMaxPool2d/in a program", ({"conv": conv(2, 2, 3, 1)}, "y_hat, places = nn.AdaptiveMaxPool2d((2, None), return_indices=True)(conv(x))"), image, (ROWS, 3, 2, 5))
add("LPPool1d", [linear(9, 9), layer("Softplus"), layer("LPPool1d", norm_type=3, kernel_size=2, stride=1)], signal, (ROWS, 4, 8))
add("LPPool2d", [linear(5, 5), layer("Softplus"), layer("LPPool2d", norm_type=2, kernel_size=[2, 3], ceil_mode=True)], image, (ROWS, 2, 3, 2))

# ---- images

mixed = [conv(2, 2, 4, 1)]
add("Upsample/size", [*mixed, layer("Upsample", size=[7, 9], mode="bilinear", align_corners=True)], image, (ROWS, 4, 7, 9))
add("Upsample/scale_factor", [*mixed, layer("Upsample", scale_factor=[2, 1.5], mode="bicubic")], image, (ROWS, 4, 12, 7))
add("Upsample/nearest", [*mixed, layer("Upsample", scale_factor=2)], image, (ROWS, 4, 12, 10))
add("Upsample/linear", [conv(1, 4, 3, 1), layer("Upsample", scale_factor=1.7, mode="linear", recompute_scale_factor=True)], signal, (ROWS, 3, 15))
add("UpsamplingNearest2d and UpsamplingBilinear2d", [*mixed, layer("UpsamplingNearest2d", size=4), layer("UpsamplingBilinear2d", scale_factor=2)], image, (ROWS, 4, 8, 8))
add("PixelShuffle, PixelUnshuffle", [*mixed, layer("PixelShuffle", upscale_factor=2), layer("Tanh"), conv(2, 1, 1, 1), layer("PixelUnshuffle", downscale_factor=2)], image, (ROWS, 4, 6, 5))
add("ZeroPad2d, ReflectionPad2d", [*mixed, layer("ZeroPad2d", padding=[1, -1, 2, 0]), layer("ReflectionPad2d", padding=2)], image, (ROWS, 4, 12, 9))
add("ConstantPad2d, ReplicationPad2d", [*mixed, layer("ConstantPad2d", padding=1, value=0.5), layer("ReplicationPad2d", padding=[0, 1, 2, 3])], image, (ROWS, 4, 13, 8))
add("pads of one dimension", [conv(1, 4, 3, 1), layer("ConstantPad1d", padding=[1, 2], value=-1), layer("ReflectionPad1d", padding=[2, 1]), layer("ReplicationPad1d", padding=1)], signal, (ROWS, 3, 17))
add("pads of three dimensions", [conv(3, 2, 1, 1), layer("ConstantPad3d", padding=[1, 0, 0, 1, 0, 0], value=2.0), layer("ReflectionPad3d", padding=1), layer("ReplicationPad3d", padding=[0, 1, 0, 0, 0, 0])], volume, (ROWS, 1, 6, 8, 8))

# ---- two tensors

add("CosineSimilarity, PairwiseDistance", ({"fc": linear(4, 5), "near": layer("PairwiseDistance", p=3, eps=0.01, keepdim=True)}, "a, b = fc(x), fc(z)\ny_hat = near(a, b) * nn.CosineSimilarity(dim=1)(x1=a, x2=b)[:, None]"), row, (ROWS, 1), data={"z": uniform(ROWS, 4)})

# ---- one model with parameters of every kind: the order of the draws

for dtype in ("float32", "float64"):
    add(f"seed/all kinds/{dtype}", ({
        "table": layer("Embedding", num_embeddings=9, embedding_dim=8), "conv": conv(1, 8, 8, 3, padding=1), "norm": layer("BatchNorm1d", num_features=8),
        "rnn": layer("LSTM", input_size=8, hidden_size=4, bidirectional=True, batch_first=True), "attn": layer("MultiheadAttention", embed_dim=8, num_heads=2, batch_first=True),
        "encoder": layer("TransformerEncoder", encoder_layer=layer("TransformerEncoderLayer", d_model=8, nhead=2, dim_feedforward=16, dropout=0.0, batch_first=True), num_layers=2),
        "ln": layer("LayerNorm", normalized_shape=8), "act": layer("PReLU"), "up": conv(1, 8, 4, 2, transposed=True), "both": layer("Bilinear", in1_features=4, in2_features=4, out_features=3), "fc": linear(3, 2),
    }, "h = norm(conv(table(x).transpose(1, 2))).transpose(1, 2)\nh = h + rnn(h)[0]\nh = ln(h + attn(h, h, h)[0])\nh = act(encoder(h)).transpose(1, 2)\nh = up(h).mean(2)\ny_hat = fc(both(h, h))"), integers(9, ROWS, 5), (ROWS, 2), dtype=dtype)

# ---- columns, shuffled channels

add("Unfold", [*mixed, layer("Unfold", kernel_size=[2, 3], stride=[1, 2], padding=1), linear(21, 3)], image, (ROWS, 24, 3), lr=0.05)
add("Fold", [linear(5, 12), layer("Fold", output_size=[4, 5], kernel_size=2, dilation=[1, 1], padding=0)], uniform(ROWS, 8, 5), (ROWS, 2, 4, 5))
add("Unfold, Fold/single samples", ({"open": layer("Unfold", kernel_size=3, dilation=2, stride=1), "close": layer("Fold", output_size=[6, 5], kernel_size=[3, 3], dilation=2), "conv": conv(2, 2, 2, 1)}, "y_hat = torch.stack([close(open(one)) for one in conv(x)])"), image, (ROWS, 2, 6, 5))
# PyTorch 1.13 has no gradient of it, so none is asked for.
add("ChannelShuffle", [layer("ChannelShuffle", groups=2), conv(1, 4, 3, 2)], signal, (ROWS, 3, 8))

# ---- activations and pads that have no run above

for act in (
    layer("ReLU", inplace=True), layer("ELU", alpha=0.6), layer("SELU", inplace=True), layer("SiLU", inplace=True), layer("Mish", inplace=True), layer("Sigmoid"), layer("LogSigmoid"), layer("Hardsigmoid", inplace=True),
    layer("Hardswish", inplace=True), layer("Hardshrink", lambd=0.2), layer("Softshrink", lambd=0.15), layer("Softsign"), layer("Tanhshrink"), layer("LeakyReLU", negative_slope=0.3, inplace=True), layer("GELU", approximate="tanh"),
):
    add(f"{act['type']}/{len(cases)}", [linear(4, 6), act, linear(6, 2)], row, (ROWS, 2))
add("CircularPad1d, ZeroPad1d", [layer("CircularPad1d", padding=[2, 1]), conv(1, 4, 3, 2), layer("ZeroPad1d", padding=[0, 2])], signal, (ROWS, 3, 13))
add("CircularPad2d", [layer("CircularPad2d", padding=[2, 0, 1, 3]), conv(2, 2, 3, 2), layer("CircularPad2d", padding=1)], image, (ROWS, 3, 11, 8))
add("CircularPad3d, ZeroPad3d", [layer("CircularPad3d", padding=1), conv(3, 2, 1, 2), layer("ZeroPad3d", padding=[1, 0, 0, 1, 0, 2])], volume, (ROWS, 1, 7, 7, 6))
add("GroupNorm/groups of one number", [linear(4, 6), layer("GroupNorm", num_groups=6, num_channels=6), linear(6, 2)], row, (ROWS, 2))
indices = integers(7, ROWS, 4)
add("Embedding/max_norm", [layer("Embedding", num_embeddings=7, embedding_dim=3, max_norm=0.8), linear(3, 2)], indices, (ROWS, 4, 2), lr=0.3, batch_size=3)
add("EmbeddingBag/max_norm", [layer("EmbeddingBag", num_embeddings=7, embedding_dim=3, mode="sum", max_norm=1.1, norm_type=1.0), linear(3, 2)], indices, (ROWS, 2), lr=0.2)
add("Embedding/max_norm in a program", ({"table": layer("Embedding", num_embeddings=7, embedding_dim=3, max_norm=0.5, padding_idx=1), "fc": linear(3, 2)}, "y_hat = fc(table(x).sum(1)) + table.weight[0].sum()"), indices, (ROWS, 2), lr=0.2)

if __name__ == "__main__":
    write("layers-training.json", cases)
