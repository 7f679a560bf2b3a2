"""Files of the safetensors library and what PyTorch makes of them: weights.json.

    pip install safetensors && python3 test/golden/weights.py
"""
import base64
import json
import os
import torch
from safetensors.torch import save

HERE = os.path.dirname(os.path.abspath(__file__))
PT = {"format": "pt"}


def text(data):
    return base64.b64encode(data).decode()


def network(dtype):
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).to(dtype)


def main():
    x = torch.tensor([[0.5, -1.25, 2.0], [3.0, 0.125, -0.75]], dtype=torch.float64)
    models = []
    for name, dtype in [("float32", torch.float32), ("float64", torch.float64), ("float16", torch.float16), ("bfloat16", torch.bfloat16)]:
        model = network(dtype)
        state = model.state_dict()
        wide = network(torch.float64)
        wide.load_state_dict(state)
        models.append({"dtype": name, "file": text(save(state, PT)), "x": x.tolist(), "y_hat": wide(x).tolist()})
    tensors = {
        "one": torch.tensor(1.5),
        "halves": torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 5.960464477539063e-08, 6.097555160522461e-05, float("inf")], dtype=torch.float16),
        "brains": torch.tensor([0.0, 1.0, -3.140625, 3.3895313892515355e38, 1e-40, -float("inf")], dtype=torch.bfloat16),
        "counts": torch.tensor([[2**53 + 1, -(2**62)], [0, 7]]),
        "ints": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        "shorts": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
        "bytes": torch.tensor([0, 255], dtype=torch.uint8),
        "chars": torch.tensor([-128, 127], dtype=torch.int8),
        "flags": torch.tensor([True, False, True]),
        "none": torch.zeros(0, 3),
        "a \"name\" / ü 😀": torch.tensor([1e300, -5e-324], dtype=torch.float64),
    }
    values = {name: [str(v) for v in t.double().flatten().tolist()] if t.dtype.is_floating_point else [str(int(v)) for v in t.flatten().tolist()] for name, t in tensors.items()}
    own = {name: t for name, t in tensors.items() if t.dtype in (torch.float32, torch.float64, torch.int64, torch.bool)}
    result = {
        "models": models,
        "mixed": {"file": text(save(tensors)), "shapes": {name: list(t.shape) for name, t in tensors.items()}, "values": values},
        "own": {"file": text(save(own, PT)), "dtypes": {name: str(t.dtype).removeprefix("torch.") for name, t in own.items()}},
    }
    with open(os.path.join(HERE, "weights.json"), "w") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
