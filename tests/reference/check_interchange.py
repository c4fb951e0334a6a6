#!/usr/bin/env python3
"""Compares models of tests/long/interchange (in the current folder) with ONNX Runtime and PyTorch, and back.

    check_interchange.py PROGRAM

Outputs are probabilities; the largest difference allowed is 1e-5."""
import subprocess
import sys

import h5py
import numpy as np
import onnx
import onnxruntime
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as f

PROGRAM, LIMIT = sys.argv[1], 1e-5
failures = 0


def ours(model, x, shape):
    np.save("x.npy", x)
    subprocess.run([PROGRAM, "predict", model, "--in", "x.npy", "-o", "p.h5", "-q"], check=True, stdout=subprocess.DEVNULL)
    return h5py.File("p.h5")["output"][:].reshape(shape)


def report(what, difference):
    global failures
    failures += not difference <= LIMIT
    print(f"{what}: largest difference {difference:.1e}{'' if difference <= LIMIT else '  TOO LARGE'}")


def shares(logits):
    return torch.softmax(torch.as_tensor(logits).double(), -1).numpy()


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, (3, 5), padding="same")
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding=(1, 2), groups=2, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.third = nn.Conv2d(16, 16, 3, dilation=2, padding="same")
        self.join = nn.BatchNorm2d(16)
        self.wide = nn.ConvTranspose2d(16, 6, 4, stride=2, padding=1)
        self.head = nn.Linear(6, 10)

    def forward(self, x):
        x = f.max_pool2d(f.relu(self.first(x)), 2)
        x = f.relu(self.norm(self.second(x)))
        x = self.wide(f.relu(self.join(self.third(x)) + x))
        # windows that reach over the border have fewer places: means over what is there, all windows of one share
        pad = [max(0, (-(-n // 2) - 1) * 2 + 3 - n) for n in x.shape[2:]]
        sides = (pad[1] // 2, pad[1] - pad[1] // 2, pad[0] // 2, pad[0] - pad[0] // 2)
        total = f.avg_pool2d(f.pad(x, sides), 3, 2) * 9
        places = f.avg_pool2d(f.pad(torch.ones_like(x), sides), 3, 2) * 9
        return self.head((total / places).mean((2, 3)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = nn.LayerNorm(32), nn.LayerNorm(32)
        self.look = nn.MultiheadAttention(32, 4, batch_first=True)
        self.wide, self.think = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, x):
        n, mask = self.before(x), torch.triu(torch.ones(32, 32, dtype=torch.bool), 1)
        x = x + self.look(n, n, n, attn_mask=mask, need_weights=False)[0]
        return x + self.think(f.gelu(self.wide(self.between(x)), approximate="tanh"))


class Place(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(32, 32))


class Gpt(nn.Module):
    def __init__(self, names):
        super().__init__()
        self.token, self.place, self.after, self.head = nn.Embedding(256, 32), Place(), nn.LayerNorm(32), nn.Linear(32, 256)
        self.blocks = nn.ModuleDict({name: Block() for name in names})

    def forward(self, x):
        x = self.token(x.long()) + self.place.weight
        for block in self.blocks.values():
            x = block(x)
        return self.head(self.after(x))


def images():
    rng = np.random.default_rng(1)
    return rng.integers(0, 17, (500, 8, 8, 1)).astype(np.float32)


def tokens():
    text = np.frombuffer(open("text.txt", "rb").read(), np.uint8)
    return np.stack([text[i * 32 : i * 32 + 32] for i in range(50)]).astype(np.float32)


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "torch", torch.__version__)
torch.manual_seed(1)
for name, x in (("cnn", images()), ("gpt", tokens()), ("rotary", tokens()), ("field", images()), ("series", images()[..., 0]), ("masked", images()[..., 0]), ("tied", tokens())):
    onnx.checker.check_model(name + ".onnx")
    y = onnxruntime.InferenceSession(name + ".onnx").run(None, {"input": x})[0]
    report(f"{name} in ONNX Runtime", np.abs(shares(y) - ours(name, x, y.shape)).max())

weights = safetensors.torch.load_file("gpt.safetensors")
blocks = sorted({key.rsplit(".", 2)[0] if ".look." not in key else key.split(".look.")[0] for key in weights if ".wide." in key})
rename = lambda key: next((f"blocks.{i}{key[len(b):]}" for i, b in enumerate(blocks) if key.startswith(b + ".")), key)
back = lambda key: next((blocks[i] + key[len(f"blocks.{i}"):] for i in range(len(blocks)) if key.startswith(f"blocks.{i}.")), key)
for name, net, x, rows in (("cnn", Cnn(), images(), lambda x: torch.tensor(x).permute(0, 3, 1, 2)),
                           ("gpt", Gpt([str(i) for i in range(len(blocks))]), tokens(), torch.tensor)):
    mine = safetensors.torch.load_file(name + ".safetensors")
    missing, unknown = net.load_state_dict({rename(k): v for k, v in mine.items()}, strict=False)
    assert not unknown and all(k.endswith("num_batches_tracked") for k in missing), (missing, unknown)
    net.eval()
    with torch.no_grad():
        y = net(rows(x))
        report(f"{name} in PyTorch", np.abs(shares(y) - ours(name, x, y.shape)).max())
        for p in net.parameters():  # weights of PyTorch, taken here
            p.copy_(torch.randn_like(p) * 0.3)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 2)
        safetensors.torch.save_file({back(k): v.contiguous() for k, v in net.state_dict().items()}, name + "-torch.safetensors")
        y = net(rows(x))
    # one step that changes nothing but running statistics, which a momentum of 0 keeps
    subprocess.run([PROGRAM, "train", name + ".yaml", "-o", name + "-torch", "-q", "-s", f"start.from={name}-torch.safetensors",
                    "-s", "optimizer.lr=0", "-s", "train={batch: 128, steps: 1}"] +
                   (["-s", "model.layers.3.batch_norm.momentum=0", "-s", "model.layers.5.batch_norm.momentum=0"] if name == "cnn" else []),
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    report(f"{name} from PyTorch", np.abs(shares(y) - ours(name + "-torch", x, y.shape)).max())
sys.exit(1 if failures else 0)
