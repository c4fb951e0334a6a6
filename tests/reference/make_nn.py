"""Reference numbers of activations, losses (PyTorch) and metrics (scikit-learn).

Run:  python make_nn.py > nn.h
Inputs are exact in float32, so that both precisions see the same input; everything is computed in float64.
"""
import numpy as np
import sklearn
import torch
import torch.nn.functional as F
from sklearn import metrics

SEED, ROWS, K = 20261, 6, 7
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(SEED)


def exact(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def c(values):
    return ", ".join(float(v).hex() for v in np.asarray(values, dtype=np.float64).ravel())


def array(name, values):
    values = np.asarray(values)
    print(f"static const double {name}[{values.size}] = {{{c(values)}}};")


print(f"""/* Activations and losses by PyTorch {torch.__version__.split('+')[0]}, metrics by scikit-learn {sklearn.__version__}, numpy {np.__version__}, seed {SEED}.
   Made by make_nn.py in float64. */
#ifndef REFERENCE_NN_H
#define REFERENCE_NN_H

/* clang-format off */
enum {{ REFERENCE_POINTS = 24, REFERENCE_ROWS = {ROWS}, REFERENCE_K = {K} }};""")

points = exact(np.concatenate([rng.normal(size=20) * 2, [-9.5, 9.5, -25.0, 25.0]]))
array("reference_points", points)
activations = [
    ("relu", "", F.relu),
    ("leaky_relu", "slope: 0.2", lambda x: F.leaky_relu(x, 0.2)),
    ("elu", "alpha: 1.5", lambda x: F.elu(x, 1.5)),
    ("silu", "", F.silu),
    ("gelu", "form: erf", F.gelu),
    ("gelu", "form: tanh", lambda x: F.gelu(x, approximate="tanh")),
    ("tanh", "", torch.tanh),
    ("sigmoid", "", torch.sigmoid),
    ("softplus", "", lambda x: F.softplus(x, threshold=100)),
]
print("static const struct { const char *name, *options; double y[REFERENCE_POINTS], dy[REFERENCE_POINTS]; } "
      "reference_activations[] = {")
for name, options, f in activations:
    x = torch.tensor(points, requires_grad=True)
    y = f(x)
    y.sum().backward()
    print(f'    {{"{name}", "{options}", {{{c(y.detach())}}}, {{{c(x.grad)}}}}},')
print("};")

z = exact(rng.normal(size=(ROWS, 2 * K)) * 3)
label = rng.integers(0, K, ROWS)
target = exact(rng.normal(size=(ROWS, K)))
yes = exact(rng.integers(0, 5, (ROWS, K)) / 4)
count = exact(rng.integers(0, 9, (ROWS, K)))
weight = exact(rng.random(ROWS) + 0.5)
array("reference_z", z)
print(f"static const int32_t reference_label[{ROWS}] = {{{', '.join(str(v) for v in label)}}};")
array("reference_target", target)
array("reference_yes", yes)
array("reference_count", count)
array("reference_weight", weight)
t, lab = torch.tensor(target), torch.tensor(label)
losses = [
    ("cross_entropy", "", "NULL", K, lambda z: F.cross_entropy(z, lab, reduction="none")),
    ("cross_entropy", "label_smoothing: 0.1", "NULL", K,
     lambda z: F.cross_entropy(z, lab, reduction="none", label_smoothing=0.1)),
    ("bce", "", "reference_yes", K,
     lambda z: F.binary_cross_entropy_with_logits(z, torch.tensor(yes), reduction="none").mean(1)),
    ("bce", "", "NULL", K,
     lambda z: F.binary_cross_entropy_with_logits(z, F.one_hot(lab, K).double(), reduction="none").mean(1)),
    ("mse", "", "reference_target", K, lambda z: F.mse_loss(z, t, reduction="none").mean(1)),
    ("mae", "", "reference_target", K, lambda z: F.l1_loss(z, t, reduction="none").mean(1)),
    ("huber", "delta: 0.75", "reference_target", K,
     lambda z: F.huber_loss(z, t, reduction="none", delta=0.75).mean(1)),
    ("quantile", "", "reference_target", K, lambda z: F.l1_loss(z, t, reduction="none").mean(1) / 2),
    ("quantile", "levels: [0.1, 0.75]", "reference_target", 2 * K,
     lambda z: torch.cat([torch.maximum(q * (t - z[:, i * K:(i + 1) * K]), (q - 1) * (t - z[:, i * K:(i + 1) * K]))
                          for i, q in enumerate((0.1, 0.75))], 1).mean(1)),
    ("poisson", "", "reference_count", K,
     lambda z: F.poisson_nll_loss(z, torch.tensor(count), log_input=True, reduction="none").mean(1)),
    ("gaussian_nll", "", "reference_target", 2 * K,
     lambda z: F.gaussian_nll_loss(z[:, :K], t, F.softplus(z[:, K:], threshold=100) + 1e-6, reduction="none").mean(1)),
]
print("static const struct { const char *name, *options; const double *target; int64_t outputs; "
      "double loss[REFERENCE_ROWS], dz[REFERENCE_ROWS * 2 * REFERENCE_K]; } reference_losses[] = {")
for name, options, targets, outputs, f in losses:
    x = torch.tensor(z[:, :outputs], requires_grad=True)
    loss = f(x) * torch.tensor(weight)
    loss.sum().backward()
    print(f'    {{"{name}", "{options}", {targets}, {outputs}, {{{c(loss.detach())}}}, {{{c(x.grad)}}}}},')
print("};")

N, C = 200, 4
scores = exact(rng.normal(size=(N, C + 4)))
labels = rng.choice(C + 3, N, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05, 0.0])  # class 6 and 7 never occur
w = exact(rng.random(N) + 0.5)
answer = scores.argmax(1)
classes = list(range(C + 4))
print(f"enum {{ REFERENCE_SAMPLES = {N}, REFERENCE_CLASSES = {C + 4}, REFERENCE_TARGETS = 3 }};")
array("reference_scores", scores)
print(f"static const int32_t reference_labels[{N}] = {{{', '.join(str(v) for v in labels)}}};")
array("reference_weights", w)
print(f"static const double reference_accuracy = {metrics.accuracy_score(labels, answer, sample_weight=w).hex()};")
top = metrics.top_k_accuracy_score(labels, scores, k=5, labels=classes, sample_weight=w)
print(f"static const double reference_top_5 = {float(top).hex()};")
odds = np.exp(scores - scores.max(axis=1, keepdims=True))
nats = metrics.log_loss(labels, odds / odds.sum(axis=1, keepdims=True), labels=classes, sample_weight=w)
print(f"static const double reference_perplexity = {float(np.exp(nats)).hex()}, reference_nats = {float(nats).hex()};")
p, r, f1, _ = metrics.precision_recall_fscore_support(labels, answer, labels=classes, sample_weight=w, zero_division=0)
array("reference_precision", p)
array("reference_recall", r)
array("reference_f1", f1)
array("reference_confusion", metrics.confusion_matrix(labels, answer, labels=classes, sample_weight=w))
truth = exact(rng.normal(size=(N, 3)) * [1, 10, 0.1] + [0, 1000, -3])
guess = exact(truth + rng.normal(size=(N, 3)) * [0.5, 2, 0.2])
array("reference_truth", truth)
array("reference_guess", guess)
print(f"static const double reference_rmse = {float(np.sqrt(np.average((guess - truth) ** 2, axis=0, weights=w).mean())).hex()};")
print(f"static const double reference_mae = {float(metrics.mean_absolute_error(truth, guess, sample_weight=w)).hex()};")
print(f"static const double reference_coverage = {float(np.average((truth <= guess).mean(1), weights=w)).hex()};")
print(f"static const double reference_r2 = {float(metrics.r2_score(truth, guess, sample_weight=w)).hex()};")
print("/* clang-format on */\n\n#endif")
