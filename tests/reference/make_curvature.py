#!/usr/bin/env python3
"""Writes curvature.h: loss, gradient noise and Hessians of small networks in float64, for tests/unit/test_curvature.c.

PyTorch 2.13.0 (CPU), numpy; no random numbers: data and parameters are sines.
usage: make_curvature.py > curvature.h
"""
import numpy as np
import torch

torch.set_default_dtype(torch.float64)
ROWS, INPUTS, UNITS, OUTPUTS = 12, 3, 4, 2
x = torch.tensor([[np.sin(1.0 + 3 * i + j) for j in range(INPUTS)] for i in range(ROWS)])
y = torch.tensor([[np.cos(2.0 + i * (k + 1)) for k in range(OUTPUTS)] for i in range(ROWS)])
n = INPUTS * UNITS + UNITS + UNITS * OUTPUTS + OUTPUTS
w = torch.tensor([0.7 * np.sin(0.5 + 1.3 * i) for i in range(n)])


def outputs(w, x, f):
    a = INPUTS * UNITS
    w1, b1 = w[:a].reshape(INPUTS, UNITS), w[a:a + UNITS]
    c = a + UNITS + UNITS * OUTPUTS
    w2, b2 = w[a + UNITS:c].reshape(UNITS, OUTPUTS), w[c:]
    return f(x @ w1 + b1) @ w2 + b2


def loss(w, x, y, f):
    return ((outputs(w, x, f) - y) ** 2).mean()


def show(name, values):
    text = [repr(float(v)) for v in np.asarray(values).ravel()]
    print(f"static const double {name}[] = {{")
    for i in range(0, len(text), 5):
        print("    " + ", ".join(text[i:i + 5]) + ",")
    print("};")


print("/* Made by make_curvature.py: PyTorch 2.13.0, float64, no random numbers. */\n#ifndef REFERENCE_CURVATURE_H\n#define REFERENCE_CURVATURE_H\n")
for kind, f in (("tanh", torch.tanh), ("relu", torch.relu)):
    h = torch.autograd.functional.hessian(lambda v: loss(v, x, y, f), w)
    g = torch.autograd.functional.jacobian(lambda v: loss(v, x, y, f), w)
    rows = torch.stack([torch.autograd.functional.jacobian(lambda v: loss(v, x[i:i + 1], y[i:i + 1], f), w) for i in range(ROWS)])
    show(f"{kind}_loss", [loss(w, x, y, f).item()])
    show(f"{kind}_hessian", h.numpy())
    show(f"{kind}_values", np.linalg.eigvalsh(h.numpy()))
    show(f"{kind}_gradient", g.numpy())
    out = torch.autograd.functional.jacobian(lambda v: outputs(v, x, f), w).reshape(ROWS * OUTPUTS, n)
    show(f"{kind}_gauss_newton", (2 * out.T @ out / (ROWS * OUTPUTS)).numpy())
    show(f"{kind}_noise", [((rows - g) ** 2).sum().item() / (ROWS - 1)])
print("\n#endif")
