"""Reference numbers of attention, normalisation, embedding and positions: small networks, their loss and gradients.

Run:  python make_attention.py > attention.h
Parameters, inputs and targets are exact in float32; everything is computed in float64 by PyTorch. A network sees 13 rows
in lanes of 4, 0, 5, 3 and 1 rows (tests/laws/network.h); its loss is the sum over rows of the mean of (z - t)^2.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

SEED, ROWS, LANES = 20262, 13, [0, 4, 4, 9, 12, 13]
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(SEED)


def exact(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def c(values):
    return ", ".join(float(v).hex() for v in np.asarray(values, dtype=np.float64).ravel())


def attention(x, p, heads, kv, w, causal, rotary=False, mask=None):
    qkv, out, qkv_b, out_b = p
    n, T, _ = x.shape
    z = x @ qkv + qkv_b
    q, k, v = z.split([heads * w, kv * w, kv * w], 2)
    q, k, v = (s.view(n, T, -1, w).transpose(1, 2) for s in (q, k, v))
    if rotary:
        angle = torch.arange(T)[:, None] * 10000.0 ** (-2 * torch.arange(w // 2) / w)
        cos, sin = angle.cos(), angle.sin()
        half = lambda s: torch.cat([s[..., : w // 2] * cos - s[..., w // 2:] * sin,
                                    s[..., : w // 2] * sin + s[..., w // 2:] * cos], -1)
        q, k = half(q), half(k)
    seen = torch.ones(T, T, dtype=torch.bool)
    seen = seen.tril() if causal else seen
    seen = seen.expand(n, 1, T, T) if mask is None else seen & (mask != 0)[:, None, None, :]
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=heads != kv)
    o = torch.where(seen.any(-1, keepdim=True), o, 0.0)
    return o.transpose(1, 2).reshape(n, T, -1) @ out + out_b


def batch_norm(x, g, b):  # by lanes; x (rows, ..., channels)
    parts = []
    for first, end in zip(LANES, LANES[1:]):
        if end > first:
            s = x[first:end].movedim(-1, 1)
            parts.append(F.batch_norm(s, None, None, g, b, True, 0.1, 1e-5).movedim(1, -1))
    return torch.cat(parts)


def waves(T, n):
    i = torch.arange(n)
    angle = torch.arange(T)[:, None] * 10000.0 ** (-(i // 2 * 2) / n)
    return torch.where(i % 2 == 0, angle.sin(), angle.cos())


def first(x, p):  # dense: {units: 12}, reshape: {shape: [3, 4]}
    return (x.view(ROWS, 6) @ p[0] + p[1]).view(ROWS, 3, 4)


def last(x, p):  # flatten, dense: 3
    return x.reshape(ROWS, -1) @ p[-2] + p[-1]


D, E = [(6, 12), (12,)], "dense: {units: 12}, reshape: {shape: [3, 4]}, "


def around(layer, shapes, net, width=12):
    return (E + layer + ", flatten, dense: {units: 3}", D + shapes + [(width, 3), (3,)],
            lambda x, p: last(net(first(x, p), p[2:-2]), p), False)


cases = [
    around("attention: {heads: 2}", [(4, 12), (4, 4), (12,), (4,)], lambda x, p: attention(x, p, 2, 2, 2, False)),
    around("attention: {heads: 2, kv_heads: 1, head_width: 4, causal: true, rotary: true, units: 5}",
           [(4, 16), (8, 5), (16,), (5,)], lambda x, p: attention(x, p, 2, 1, 4, True, rotary=True), 15),
    around("layer_norm", [(4,), (4,)], lambda x, p: F.layer_norm(x, [4], p[0], p[1], 1e-5)),
    around("rms_norm: 1e-3", [(4,)], lambda x, p: F.rms_norm(x, [4], p[0], 1e-3)),
    around("group_norm: 2", [(4,), (4,)],
           lambda x, p: F.group_norm(x.movedim(-1, 1), 2, p[0], p[1], 1e-5).movedim(1, -1)),
    around("batch_norm: {relu: true}", [(4,), (4,), (4,), (4,)], lambda x, p: batch_norm(x, p[0], p[1]).relu()),
    around("position: sinusoidal", [], lambda x, p: x + waves(3, 4)),
    around("position", [(3, 4)], lambda x, p: x + p[0]),
    ("embedding: {vocabulary: 9, units: 4}, reshape: {shape: [6, 4]}, slice: {from: input, axis: 0, size: 1, name: s}, "
     "concat: {from: [s, s], name: m}, attention: {from: [reshape_1, m], heads: 1, causal: true}, flatten, "
     "dense: {units: 3}",
     [(9, 4), (4, 12), (4, 4), (12,), (4,), (24, 3), (3,)],
     lambda x, p: last(attention(p[0][x.long().view(ROWS, 6)], p[1:5], 1, 1, 4, True,
                                 mask=x[:, :1].repeat(1, 1, 2).view(ROWS, 6)), p), True),
    around("attention: {heads: 2, causal: true, lora: {rank: 2, alpha: 3}}",
           [(4, 12), (4, 4), (12,), (4,), (4, 2), (2, 12), (4, 2), (2, 4)],
           lambda x, p: attention(x, (p[0] + 1.5 * p[4] @ p[5], p[1] + 1.5 * p[6] @ p[7], p[2], p[3]), 2, 2, 2, True)),
    around("dense: {units: 5, over: last, activation: gelu, lora: {rank: 3, alpha: 1}}", [(4, 5), (5,), (4, 3), (3, 5)],
           lambda x, p: F.gelu(x @ (p[0] + p[2] @ p[3] / 3) + p[1]), 15),
]

print(f"""/* Networks of layers by PyTorch {torch.__version__.split('+')[0]}, numpy {np.__version__}, seed {SEED}. Made by make_attention.py in float64. */
#ifndef REFERENCE_ATTENTION_H
#define REFERENCE_ATTENTION_H

#include <stdint.h>

/* clang-format off */
typedef struct reference_network {{
    const char *layers;
    int64_t nparams;
    const double *params, *x, *target, *gradient; /* x (13, 6), target (13, 3) */
    double loss;
}} reference_network;
""")
rows = []
for k, (text, shapes, net, tokens) in enumerate(cases):
    p = [torch.tensor(exact(rng.normal(size=s) * 0.5 + (1.0 if len(s) == 1 and i < 3 and "norm" in text else 0)),
                      requires_grad=True) for i, s in enumerate(shapes)]
    x = exact(rng.integers(0, 4, (ROWS, 2, 3)) * rng.integers(0, 4, (ROWS, 2, 3)) % 9 if tokens else rng.normal(size=(ROWS, 2, 3)))
    t = exact(rng.normal(size=(ROWS, 3)))
    loss = ((net(torch.tensor(x), p) - torch.tensor(t)) ** 2).mean(1).sum()
    grads = torch.autograd.grad(loss, p, allow_unused=True)
    flat = lambda a: np.concatenate([np.zeros(s).ravel() if v is None else v.detach().numpy().ravel() for v, s in zip(a, shapes)])
    for name, values in (("params", flat(p)), ("x", x), ("target", t), ("gradient", flat(grads))):
        print(f"static const double reference_{name}_{k}[] = {{{c(values)}}};")
    rows.append(f'    {{"{text}", {flat(p).size}, reference_params_{k}, reference_x_{k}, reference_target_{k}, '
                f"reference_gradient_{k}, {loss.item().hex()}}},")
print("static const reference_network reference_networks[] = {")
print("\n".join(rows))
print("};\n\n#endif")
