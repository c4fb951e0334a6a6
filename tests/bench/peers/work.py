"""What the peer trains: data, model, loss and optimizer of each workload, as PyTorch's users write them."""
import glob
import gzip
import os
import struct

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FASHION = "/usr/share/datasets/fashion-mnist"
MEAN, STD = 72.94, 90.02  # of the pixels of Fashion-MNIST
CONTEXT, VOCABULARY = 256, 256
TASKS = {  # batch of a process, optimizer, its options
    "softmax": (256, torch.optim.SGD, {"lr": 0.05}),
    "mlp": (128, torch.optim.Adam, {"lr": 1e-3}),
    "tabular": (4096, torch.optim.Adam, {"lr": 1e-3}),
    "wide": (512, torch.optim.SGD, {"lr": 0.01}),
    "lenet": (128, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
    "rescnn": (128, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    "gpt": (8, torch.optim.AdamW, {"lr": 3e-4, "weight_decay": 0.0}),
}
WIDTHS = {"softmax": [784, 10], "mlp": [784, 512, 512, 10], "tabular": [64, 256, 256, 1], "wide": [1024, 4096, 4096, 1024]}


def fashion(name):
    with gzip.open(os.path.join(FASHION, name + ".gz"), "rb") as f:
        magic, = struct.unpack(">I", f.read(4))
        dims = struct.unpack(">" + "I" * (magic & 255), f.read(4 * (magic & 255)))
        return np.frombuffer(f.read(), dtype=np.uint8).reshape(dims)


def made_up(folder):
    """Writes the data of tabular, wide and gpt that both sides read."""
    g = np.random.default_rng(7)
    x = g.standard_normal((262144, 64), dtype=np.float32)
    w1, w2 = g.standard_normal((64, 32)) / 8, g.standard_normal((32, 1)) / 32 ** 0.5
    y = np.tanh(x @ w1) @ w2 + 0.05 * g.standard_normal((len(x), 1))
    np.save(os.path.join(folder, "tabular_x.npy"), x)
    np.save(os.path.join(folder, "tabular_y.npy"), y.astype(np.float32))
    for name in "xy":
        np.save(os.path.join(folder, f"wide_{name}.npy"), g.standard_normal((8192, 1024), dtype=np.float32))
    with open(os.path.join(folder, "text.txt"), "w", encoding="utf-8", newline="") as out:
        for path in sorted(glob.glob("/usr/share/common-licenses/*")):
            with open(path, encoding="utf-8", errors="ignore", newline="") as f:
                out.write(f.read())


def data(task, folder):
    """Inputs and targets as tensors; for gpt the bytes of the text, and None."""
    if task in ("tabular", "wide"):
        return tuple(torch.from_numpy(np.load(os.path.join(folder, f"{task}_{name}.npy"))) for name in "xy")
    if task == "gpt":
        return torch.from_numpy(np.fromfile(os.path.join(folder, "text.txt"), dtype=np.uint8).astype(np.int64)), None
    x = torch.from_numpy((fashion("train-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) - MEAN) / STD)
    if task in ("lenet", "rescnn"):
        x = x.view(-1, 1, 28, 28)
    return x, torch.from_numpy(fashion("train-labels-idx1-ubyte").astype(np.int64))


class Residual(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.c2, self.b2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.short = nn.Conv2d(cin, cout, 1, stride, bias=False) if stride != 1 or cin != cout else nn.Identity()

    def forward(self, z):
        return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(z))))) + self.short(z))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, z):
        b, t, c = z.shape
        q, k, v = (s.view(b, t, self.heads, c // self.heads).transpose(1, 2) for s in self.qkv(z).split(c, 2))
        return self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, c))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1, self.att, self.ln2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, z):
        z = z + self.att(self.ln1(z))
        return z + self.proj(F.gelu(self.fc(self.ln2(z)), approximate="tanh"))


class GPT(nn.Module):
    """GPT-2: learned positions, normalisation before; the output has weights of its own."""

    def __init__(self, layers=4, heads=4, width=256):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCABULARY, width), nn.Embedding(CONTEXT, width)
        self.blocks, self.lnf = nn.ModuleList(Layer(width, heads) for _ in range(layers)), nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, 0.0, 0.02)

    def forward(self, tokens):
        z = self.wte(tokens) + self.wpe.weight[:tokens.shape[1]]
        for block in self.blocks:
            z = block(z)
        return self.head(self.lnf(z))


def model(task):
    if task == "lenet":
        return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2),
                             nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(inplace=True),
                             nn.Linear(512, 10))
    if task == "rescnn":
        return nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True), Residual(16, 16, 1),
                             Residual(16, 32, 2), Residual(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    if task == "gpt":
        return GPT()
    layers = []
    for a, b in zip(WIDTHS[task], WIDTHS[task][1:]):
        layers += [nn.Linear(a, b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def loss(task, out, target):
    if task in ("tabular", "wide"):
        return F.mse_loss(out, target)
    if task == "gpt":
        return F.cross_entropy(out.view(-1, VOCABULARY), target.reshape(-1))
    return F.cross_entropy(out, target)
