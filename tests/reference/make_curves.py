"""The first 30 losses of five small networks by PyTorch 2.13.0 (CPU), from Allsum's initial weights and over its batches, which
follow the order of the file: python make_curves.py ALLSUM > curves/curves.txt, in the root of the source.

Initial weights are a function of seed and configuration: `allsum train` with a learning rate of 0 for one step, then
`allsum export` gives them in PyTorch's layout. PyTorch trains from them in the same precision; and, from the float32 weights, in
float64 as well. A line is: network, precision, tolerance, losses. Tolerance: d is the largest difference of PyTorch's own
float32 losses from its float64 ones, what rounding makes of these 30 steps. Another order of the same sums may differ by as much in
another direction: 4 d for float32 (2 would do for two independent ones of the same size), and for float64 4 d 2^-29, the ratio of
the units of rounding; d is taken to be no less than 4 float32 units of the largest loss.

PyTorch's clip_grad_norm_ divides by norm + 1e-6; here, as in Allsum, by the norm. Weight decay is for weights and tables alone.
"""
import subprocess
import sys
import tempfile

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

STEPS, CONTEXT, UNIT = 30, 24, 2.0**-24
torch.set_num_threads(1)


def images(precision):
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=precision).reshape(-1, 1, 8, 8)
    y = torch.tensor(digits.target)
    return [(x[32 * i : 32 * i + 32], y[32 * i : 32 * i + 32]) for i in range(STEPS)]


def texts(precision):
    text = np.frombuffer(open("LICENSE", "rb").read(), dtype=np.uint8).astype(np.int64)
    rows = torch.tensor(np.stack([text[i * CONTEXT : i * CONTEXT + CONTEXT + 1] for i in range(8 * STEPS)]))
    return [(rows[8 * i : 8 * i + 8, :-1], rows[8 * i : 8 * i + 8, 1:]) for i in range(STEPS)]


def flat(x):
    return x.permute(0, 2, 3, 1).flatten(1)


def cnn(w, x):
    x = F.max_pool2d(F.relu(F.conv2d(x, w["c1.weight"], w["c1.bias"], padding=1)), 2)
    x = F.relu(F.conv2d(F.pad(x, (0, 1, 0, 1)), w["c2.weight"], w["c2.bias"], stride=2))
    return F.linear(flat(x), w["fc.weight"], w["fc.bias"])


def norm(w, name, x):
    return F.batch_norm(x, None, None, w[name + ".weight"], w[name + ".bias"], training=True)


def residual(w, x):
    n0 = F.relu(norm(w, "n0", F.conv2d(x, w["c0.weight"], padding=1)))
    n1 = F.relu(norm(w, "n1", F.conv2d(n0, w["c1.weight"], padding=1)))
    n2 = F.relu(norm(w, "n2", F.conv2d(n1, w["c2.weight"], padding=1)) + n0)
    x = F.conv2d(n2, w["c3.weight"], w["c3.bias"])
    return F.linear(x.mean(dim=(2, 3)), w["fc.weight"], w["fc.bias"])


def lstm(w, x):
    layer = torch.nn.LSTM(16, 24, batch_first=True, dtype=w["fc.bias"].dtype)
    own = {"weight_ih_l0": w["l.weight_ih_l0"], "weight_hh_l0": w["l.weight_hh_l0"], "bias_ih_l0": w["l.bias"]}
    own["bias_hh_l0"] = torch.zeros_like(w["l.bias"])
    h, _ = torch.func.functional_call(layer, own, (w["e.weight"][x],))
    return F.linear(h, w["fc.weight"], w["fc.bias"])


def block(w, name, x):
    n = F.layer_norm(x, (32,), w[name + "n1.weight"], w[name + "n1.bias"])
    qkv = F.linear(n, w[name + "look.in_proj_weight"], w[name + "look.in_proj_bias"])
    q, k, v = [part.reshape(-1, CONTEXT, 4, 8).transpose(1, 2) for part in qkv.split(32, dim=2)]
    o = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
    x = x + F.linear(o, w[name + "look.out_proj.weight"], w[name + "look.out_proj.bias"])
    n = F.layer_norm(x, (32,), w[name + "n2.weight"], w[name + "n2.bias"])
    up = F.gelu(F.linear(n, w[name + "up.weight"], w[name + "up.bias"]))
    return x + F.linear(up, w[name + "down.weight"], w[name + "down.bias"])


def gpt(w, x):
    x = w["e.weight"][x] + w["p.weight"]
    x = block(w, "b.2.t.", block(w, "b.1.t.", x))
    return F.linear(F.layer_norm(x, (32,), w["n.weight"], w["n.bias"]), w["fc.weight"], w["fc.bias"])


def turned(x):
    """Rotary positions: entries i and i + 4 of each head of 8 by the angle t 10000^(-2 i / 8)."""
    i = torch.arange(4, dtype=torch.float64)
    angle = torch.arange(CONTEXT, dtype=torch.float64)[:, None] * 10000.0 ** (-2 * i / 8)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :4], x[..., 4:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def gated_block(w, name, x):
    n = F.rms_norm(x, (32,), w[name + "n1.weight"], eps=1e-5)
    q, k, v = F.linear(n, w[name + "look.in_proj_weight"]).split([32, 16, 16], dim=2)
    q, k, v = [part.reshape(-1, CONTEXT, part.shape[2] // 8, 8).transpose(1, 2) for part in (q, k, v)]
    k, v = [part.repeat_interleave(2, dim=1) for part in (turned(k), v)]
    o = F.scaled_dot_product_attention(turned(q), k, v, is_causal=True).transpose(1, 2).flatten(2)
    x = x + F.linear(o, w[name + "look.out_proj.weight"])
    n = F.rms_norm(x, (32,), w[name + "n2.weight"], eps=1e-5)
    up = F.silu(F.linear(n, w[name + "gate.weight"])) * F.linear(n, w[name + "value.weight"])
    return x + F.linear(up, w[name + "down.weight"])


def gated(w, x):
    x = gated_block(w, "b.2.t.", gated_block(w, "b.1.t.", w["e.weight"][x]))
    return F.linear(F.rms_norm(x, (32,), w["n.weight"], eps=1e-5), w["e.weight"])


def decays(name, p):
    return p.dim() > 1


def optimizer(kind, w):
    groups = lambda decay: [
        {"params": [p for n, p in w.items() if decays(n, p)], "weight_decay": decay},
        {"params": [p for n, p in w.items() if not decays(n, p)], "weight_decay": 0.0},
    ]
    if kind == "residual":
        return torch.optim.SGD(groups(1e-3), lr=0.1, momentum=0.9)
    if kind in ("gpt", "gated"):
        return torch.optim.AdamW(groups(0.1), lr=5e-3, betas=(0.9, 0.95))
    return torch.optim.Adam(w.values(), lr=1e-2 if kind == "lstm" else 5e-3)


NETWORKS = {"cnn": (cnn, images, 0), "residual": (residual, images, 0), "lstm": (lstm, texts, 0.25), "gpt": (gpt, texts, 1.0)}
NETWORKS["gated"] = (gated, texts, 1.0)


def curve(kind, weights, precision):
    forward, batches, clip = NETWORKS[kind]
    w = {n: p.detach().to(precision, copy=True).requires_grad_() for n, p in weights.items() if "running" not in n}
    step = optimizer(kind, w)
    if kind in ("gpt", "gated"):
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(step, T_max=STEPS)
    losses = []
    for x, y in batches(precision):
        z = forward(w, x)
        loss = F.cross_entropy(z.reshape(-1, z.shape[-1]), y.reshape(-1), label_smoothing=0.1 if kind == "residual" else 0)
        step.zero_grad()
        loss.backward()
        if clip > 0:
            total = torch.sqrt(sum((p.grad**2).sum() for p in w.values()))
            for p in w.values():
                p.grad *= min(1.0, clip / total.item())
        step.step()
        if kind in ("gpt", "gated"):
            schedule.step()
        losses.append(loss.item())
    return np.array(losses)


def initial(allsum, kind, precision, folder):
    run, file = f"{folder}/{kind}-{precision}", f"{folder}/{kind}-{precision}.safetensors"
    config = f"tests/reference/curves/{kind}.yaml"
    still = ["-s", "train.steps=1", "-s", "optimizer.lr=0", "-s", f"precision={precision}"]
    subprocess.run([allsum, "train", config, "-q", "-o", run, *still], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([allsum, "export", run, "--to", "safetensors", "-o", file], check=True, stdout=subprocess.DEVNULL)
    return safetensors.torch.load_file(file)


with tempfile.TemporaryDirectory() as folder:
    for kind in NETWORKS:
        single, double = initial(sys.argv[1], kind, "float32", folder), initial(sys.argv[1], kind, "float64", folder)
        low, high = curve(kind, single, torch.float32), curve(kind, single, torch.float64)
        d = max(np.abs(low - high).max(), 4 * UNIT * high.max())
        exact = curve(kind, double, torch.float64)
        print(kind, "float32", f"{4 * d:.3g}", *[f"{v:.9g}" for v in low])
        print(kind, "float64", f"{4 * d * 2.0**-29:.3g}", *[f"{v:.17g}" for v in exact])
