"""Reference trajectories of optimizers, 20 steps from given gradients, by PyTorch, or by their formulas in numpy (lion, lamb, lars).

Run:  python make_optimizers.py > optimizers.h
Gradients and start are exact in float32, so that both precisions see the same input; everything is computed in float64.
"""
import numpy as np
import torch

torch.set_default_dtype(torch.float64)  # NAdam keeps its momentum product in the default type
SEED, STEPS, N = 20260, 20, 4
LR = 0.01


def lion(w, gradients, weight_decay, beta1, beta2):
    """Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2."""
    m, out = np.zeros_like(w), []
    for g in gradients:
        w = w - LR * (np.sign(beta1 * m + (1 - beta1) * g) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g
        out.append(w)
    return out


def ratio(a, b, adapts):
    a, b = np.linalg.norm(a), np.linalg.norm(b)
    return a / b if adapts and a > 0 and b > 0 else 1


def lamb(w, gradients, weight_decay, adapts, beta1=0.9, beta2=0.999, eps=1e-6):
    """You et al., "Large batch optimization for deep learning", ICLR 2020, algorithm 2, phi(z) = z."""
    m, v, out = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        r = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps) + weight_decay * w
        w = w - LR * ratio(w, r, adapts) * r
        out.append(w)
    return out


def lars(w, gradients, weight_decay, adapts, momentum=0.9, trust=0.001):
    """You, Gitman and Ginsburg, arXiv:1708.03888 (2017), algorithm 1."""
    b, out = np.zeros_like(w), []
    for g in gradients:
        both = adapts and np.linalg.norm(w) > 0 and np.linalg.norm(g) > 0
        trusted = trust * np.linalg.norm(w) / (np.linalg.norm(g) + weight_decay * np.linalg.norm(w)) if both else 1
        b = momentum * b + LR * trusted * (g + weight_decay * w)
        w = w - b
        out.append(w)
    return out


torch.Tensor.bfloat16 = lambda self: self.clone()  # Muon's products in the parameters' precision instead


class muon:
    """Weights are (in, out) here, (out, in) in PyTorch."""

    def __init__(self, params, **options):
        self.p, self.q = params[0], torch.nn.Parameter(params[0].detach().T.contiguous())
        self.optimizer = torch.optim.Muon([self.q], lr=LR, **options)

    def step(self):
        self.q.grad = self.p.grad.T.contiguous()
        self.optimizer.step()
        self.p.data.copy_(self.q.detach().T)


class formula:
    """For what PyTorch has not: f(w, gradients, weight_decay, *options) gives the parameters after each step."""

    def __init__(self, f, *options):
        self.f, self.options = f, options


def by_torch(make, w, gradients, shape):
    p = torch.nn.Parameter(torch.tensor(w.reshape(*shape or [-1]), dtype=torch.float64))
    optimizer, out = make([p]), []
    for g in gradients:
        p.grad = torch.tensor(g.reshape(*shape or [-1]), dtype=torch.float64)
        optimizer.step()
        out.append(p.detach().numpy().ravel().copy())
    return out


o = torch.optim
# name of the case, the configuration here, weight decay, PyTorch's optimizer of [p] or formula(...), and where it
# matters the shape (rows, columns)
CASES = [
    ("sgd", "{type: sgd}", 0, lambda p: o.SGD(p, lr=LR)),
    ("sgd_decay", "{type: sgd}", 0.1, lambda p: o.SGD(p, lr=LR, weight_decay=0.1)),
    ("sgd_momentum", "{type: sgd, momentum: 0.9}", 0, lambda p: o.SGD(p, lr=LR, momentum=0.9)),
    ("sgd_dampening", "{type: sgd, momentum: 0.9, dampening: 0.3}", 0.05,
     lambda p: o.SGD(p, lr=LR, momentum=0.9, dampening=0.3, weight_decay=0.05)),
    ("sgd_nesterov", "{type: sgd, momentum: 0.8, nesterov: true}", 0.05,
     lambda p: o.SGD(p, lr=LR, momentum=0.8, nesterov=True, weight_decay=0.05)),
    ("rmsprop", "{type: rmsprop}", 0, lambda p: o.RMSprop(p, lr=LR)),
    ("rmsprop_decay", "{type: rmsprop, alpha: 0.9, eps: 1e-6}", 0.1,
     lambda p: o.RMSprop(p, lr=LR, alpha=0.9, eps=1e-6, weight_decay=0.1)),
    ("rmsprop_momentum", "{type: rmsprop, momentum: 0.9}", 0, lambda p: o.RMSprop(p, lr=LR, momentum=0.9)),
    ("rmsprop_centered", "{type: rmsprop, centered: true}", 0, lambda p: o.RMSprop(p, lr=LR, centered=True)),
    ("rmsprop_all", "{type: rmsprop, alpha: 0.95, centered: true, momentum: 0.5}", 0.1,
     lambda p: o.RMSprop(p, lr=LR, alpha=0.95, centered=True, momentum=0.5, weight_decay=0.1)),
    ("adagrad", "{type: adagrad}", 0, lambda p: o.Adagrad(p, lr=LR)),
    ("adagrad_all", "{type: adagrad, lr_decay: 0.1, initial_accumulator_value: 0.5, eps: 1e-6}", 0.1,
     lambda p: o.Adagrad(p, lr=LR, lr_decay=0.1, initial_accumulator_value=0.5, eps=1e-6, weight_decay=0.1)),
    ("adam", "{type: adam}", 0, lambda p: o.Adam(p, lr=LR)),
    ("adam_decay", "{type: adam, beta1: 0.8, beta2: 0.99, eps: 1e-6}", 0.1,
     lambda p: o.Adam(p, lr=LR, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1)),
    ("adam_amsgrad", "{type: adam, beta2: 0.9, amsgrad: true}", 0,
     lambda p: o.Adam(p, lr=LR, betas=(0.9, 0.9), amsgrad=True)),
    ("adamw", "{type: adamw}", 0.1, lambda p: o.AdamW(p, lr=LR, weight_decay=0.1)),
    ("adamw_amsgrad", "{type: adamw, beta2: 0.9, amsgrad: true}", 0.1,
     lambda p: o.AdamW(p, lr=LR, betas=(0.9, 0.9), weight_decay=0.1, amsgrad=True)),
    ("nadam", "{type: nadam}", 0, lambda p: o.NAdam(p, lr=LR)),
    ("nadam_decay", "{type: nadam, beta1: 0.8, momentum_decay: 0.1}", 0.1,
     lambda p: o.NAdam(p, lr=LR, betas=(0.8, 0.999), momentum_decay=0.1, weight_decay=0.1)),
    ("lion", "{type: lion}", 0, formula(lion, 0.9, 0.99)),
    ("lion_decay", "{type: lion, beta1: 0.8, beta2: 0.9}", 0.1, formula(lion, 0.8, 0.9)),
    ("lamb_vector", "{type: lamb}", 0.1, formula(lamb, False)),
    ("lamb_vectors", "{type: lamb, vectors: true}", 0.1, formula(lamb, True)),
    ("lamb", "{type: lamb}", 0.1, formula(lamb, True), (2, 2)),
    ("lamb_all", "{type: lamb, beta1: 0.8, beta2: 0.99, eps: 1e-4}", 0, formula(lamb, True, 0.8, 0.99, 1e-4), (4, 1)),
    ("lars_vector", "{type: lars}", 0.1, formula(lars, False)),
    ("lars_vectors", "{type: lars, vectors: true}", 0.1, formula(lars, True)),
    ("lars", "{type: lars, trust: 0.5}", 0.1, formula(lars, True, 0.9, 0.5), (2, 2)),
    ("adafactor_vector", "{type: adafactor, eps1: 1e-16}", 0, lambda p: o.Adafactor(p, lr=LR, eps=(1e-16, 1e-3))),
    ("adafactor", "{type: adafactor, eps1: 1e-16}", 0, lambda p: o.Adafactor(p, lr=LR, eps=(1e-16, 1e-3)), (2, 2)),
    ("adafactor_all", "{type: adafactor, eps1: 1e-3, eps2: 2, beta2_decay: -0.5, clip: 1.5}", 0.1,
     lambda p: o.Adafactor(p, lr=LR, eps=(1e-3, 2), beta2_decay=-0.5, d=1.5, weight_decay=0.1), (4, 1)),
    ("muon_vector", "{type: muon, beta2: 0.999}", 0.1, lambda p: o.AdamW(p, lr=LR, weight_decay=0.1)),
    ("muon_slow_vector", "{type: muon, beta2: 0.9, adamw_lr: 0.5}", 0.1,
     lambda p: o.AdamW(p, lr=LR / 2, betas=(0.9, 0.9), weight_decay=0.1)),
    ("muon", "{type: muon, adjust: original}", 0.1, lambda p: muon(p, weight_decay=0.1), (2, 2)),
    ("muon_rms", "{type: muon, momentum: 0.8}", 0,
     lambda p: muon(p, weight_decay=0, momentum=0.8, adjust_lr_fn="match_rms_adamw"), (4, 1)),
    ("muon_all", "{type: muon, adjust: original, nesterov: false, steps: 3}", 0.05,
     lambda p: muon(p, weight_decay=0.05, nesterov=False, ns_steps=3), (1, 4)),
    ("lars_all", "{type: lars, momentum: 0.5, trust: 0.1}", 0, formula(lars, True, 0.5, 0.1), (1, 4)),
]

rng = np.random.default_rng(SEED)
start = rng.standard_normal(N).astype(np.float32).astype(np.float64)
gradient = (rng.standard_normal((STEPS, N)) * 10.0 ** rng.integers(-2, 2, (1, N))).astype(np.float32).astype(np.float64)


def numbers(values):
    flat = [float(v).hex() for v in np.asarray(values).ravel()]
    return ",\n     ".join(", ".join(flat[i:i + N]) for i in range(0, len(flat), N))


print(f"""/* Trajectories of optimizers. Made by make_optimizers.py with PyTorch {torch.__version__.split('+')[0]}, numpy {np.__version__}, seed {SEED}, in float64. */
#ifndef REFERENCE_OPTIMIZERS_H
#define REFERENCE_OPTIMIZERS_H

/* clang-format off */
enum {{ REFERENCE_STEPS = {STEPS}, REFERENCE_N = {N} }};
static const double reference_lr = {LR};
static const double reference_start[REFERENCE_N] = {{{numbers(start)}}};
static const double reference_gradient[REFERENCE_STEPS * REFERENCE_N] =
    {{{numbers(gradient)}}};
static const struct {{
    const char *name, *config;
    double weight_decay;
    int rows, columns; /* rows 0: a vector */
    double w[REFERENCE_STEPS * REFERENCE_N]; /* after each step */
}} reference_case[] = {{""")
for name, config, decay, make, *shape in CASES:
    rows, columns = shape[0] if shape else (0, N)
    by_formula = isinstance(make, formula)
    out = make.f(start, gradient, decay, *make.options) if by_formula else by_torch(make, start, gradient, shape)
    print(f'    {{"{name}", "{config}", {decay}, {rows}, {columns},\n    {{{numbers(out)}}}}},')
print("""};
/* clang-format on */

#endif""")
