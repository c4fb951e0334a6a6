"""PyTorch's kernels (its own oneDNN and flash attention) at the shapes of `allsum bench gemm|conv|attention`, beside ours.

usage: python tests/bench/peers/kernels.py [--threads N] [--subjects gemm,conv,attention] [--program build/allsum] [--rounds 3] [--json]

Rounds alternate: one run of ours, then one of theirs for each subject; a row has the best rate of either over the rounds, since
what disturbs a kernel only slows it down. Convolutions of theirs are channels-last, as ours are. Flops are counted alike.
"""
import argparse
import json
import os
import re
import subprocess
import time

import torch
from torch.nn import functional as F

BATCH = 128


def rate(body, work):
    """Work per second: the third best of 9 slices of some 10 ms."""
    turns, taken = 1, 0.0
    body()
    while taken < 0.005:
        begin = time.perf_counter()
        for _ in range(turns):
            body()
        taken = time.perf_counter() - begin
        turns *= 2
    slices = []
    for _ in range(9):
        begin = time.perf_counter()
        for _ in range(turns):
            body()
        slices.append((time.perf_counter() - begin) / turns)
    return work / sorted(slices)[2]


def gemm(name):
    """Products and gradients by the names of our rows."""
    found = re.match(r"product (\d+) x (\d+) x (\d+)", name)
    if found:
        m, n, k = map(int, found.groups())
        a, w = torch.randn(m, k), torch.randn(n, k)
        out = torch.empty(m, n)
        return rate(lambda: torch.mm(a, w.t(), out=out), 2.0 * m * n * k)
    found = re.match(r"gradient (\d+) x (\d+), (\d+) rows", name)
    if found:
        k, n, rows = map(int, found.groups())
        x, d = torch.randn(rows, k), torch.randn(rows, n)
        out = torch.empty(n, k)
        return rate(lambda: torch.mm(d.t(), x, out=out), 2.0 * rows * n * k)
    return None


def conv(name):
    found = re.match(r"(\d+) x \d+ x (\d+) -> (\d+), (\d+) x \d+, stride (\d+), (\w+)", name)
    extent, cin, cout, kernel, stride = map(int, found.groups()[:5])
    pad = kernel // 2
    out = (extent + 2 * pad - kernel) // stride + 1
    taps = sum(0 <= o * stride - pad + k < extent for o in range(out) for k in range(kernel))
    last = torch.channels_last
    x = torch.randn(BATCH, cin, extent, extent).contiguous(memory_format=last)
    w = torch.randn(cout, cin, kernel, kernel).contiguous(memory_format=last)
    y = torch.randn(BATCH, cout, out, out).contiguous(memory_format=last)
    work = 2.0 * BATCH * cin * cout * taps * taps
    if found.group(6) == "forward":
        return rate(lambda: F.conv2d(x, w, None, stride, pad), work)
    mask = [found.group(6) == "input", found.group(6) == "weight", False]
    back = torch.ops.aten.convolution_backward
    return rate(lambda: back(y, x, w, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1, mask), work)


def attention(name):
    found = re.match(r"(\d+) x (\d+) positions, (\d+) heads of (\d+), (\w+)", name)
    samples, length, heads, width = map(int, found.groups()[:4])
    pairs = samples * heads * length * (length + 1) / 2
    q, k, v = (torch.randn(samples, length, heads, width).transpose(1, 2).requires_grad_() for _ in range(3))
    if found.group(5) == "forward":
        return rate(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True), 4 * width * pairs)
    o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    d = torch.randn_like(o)
    return rate(lambda: torch.autograd.grad(o, (q, k, v), d, retain_graph=True), 10 * width * pairs)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--subjects", default="gemm,conv,attention")
    p.add_argument("--program", default="build/allsum")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    body = {"gemm": gemm, "conv": conv, "attention": attention}
    rows, peak = [], 0.0
    for subject in args.subjects.split(","):
        best = {}
        for _ in range(args.rounds):
            ours = json.loads(subprocess.run([args.program, "bench", subject, "--json", "--threads", str(args.threads)], check=True,
                                             capture_output=True, text=True, env=dict(os.environ)).stdout)
            peak = max(peak, ours["peak_gflop_per_s"])
            for row in ours["rows"]:
                with torch.set_grad_enabled(subject == "attention"):
                    theirs = body[subject](row["name"])
                if theirs is not None:
                    old = best.get(row["name"], (0.0, 0.0))
                    best[row["name"]] = (max(old[0], row["best"]), max(old[1], theirs * 1e-9))
        rows += [{"subject": subject, "name": n, "ours": o, "theirs": t, "ratio": o / t} for n, (o, t) in best.items()]
    ran = f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {args.threads} thread(s); peak {peak:.0f} GFLOP/s"
    if args.json:
        print(json.dumps({"ran": ran, "rows": rows}))
        return
    print(f"{ran}\n{'GFLOP/s':54} {'ours':>9} {'theirs':>9} {'ratio':>7} {'of peak':>8}")
    for r in rows:
        print(f"{r['name']:54} {r['ours']:9.1f} {r['theirs']:9.1f} {r['ratio']:7.2f} {100 * r['ours'] / peak:7.0f}%")


if __name__ == "__main__":
    main()
