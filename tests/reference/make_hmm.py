"""Reference numbers of tests/statistics/test_hmm.c: Baum-Welch in logarithms, written from Rabiner's equations.

usage: make_hmm.py > hmm.h      (numpy, scipy; versions are in the output)
"""
import numpy as np
import scipy
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

rng = np.random.Generator(np.random.PCG64(9))


def forward_backward(start, trans, logb):
    n, k = logb.shape
    la, lt = np.zeros((n, k)), np.log(trans)
    la[0] = np.log(start) + logb[0]
    for t in range(1, n):
        la[t] = logsumexp(la[t - 1][:, None] + lt, axis=0) + logb[t]
    lb = np.zeros((n, k))
    for t in range(n - 2, -1, -1):
        lb[t] = logsumexp(lt + (logb[t + 1] + lb[t + 1])[None, :], axis=1)
    ll = logsumexp(la[-1])
    gamma = np.exp(la + lb - ll)
    xi = np.zeros((k, k))
    for t in range(n - 1):
        xi += np.exp(la[t][:, None] + lt + (logb[t + 1] + lb[t + 1])[None, :] - ll)
    return ll, gamma, xi


def densities(model, x):
    if "emission" in model:
        return np.log(model["emission"][:, x.astype(int)]).T
    return np.stack([multivariate_normal.logpdf(x.reshape(len(x), -1), m, c) for m, c in zip(model["means"], model["covars"])]).T.reshape(len(x), -1)


def em(model, sequences, steps, full, reg):
    path = []
    for step in range(steps + 1):
        ll, start, xi = 0.0, 0.0, 0.0
        gammas = []
        for x in sequences:
            l, g, z = forward_backward(model["start"], model["trans"], densities(model, x))
            ll, start, xi = ll + l, start + g[0], xi + z
            gammas.append(g)
        path.append(ll)
        if step == steps:
            return path
        model["start"] = start / start.sum()
        model["trans"] = xi / xi.sum(1, keepdims=True)
        g, x = np.concatenate(gammas), np.concatenate(sequences)
        if "emission" in model:
            counts = np.stack([g[x == s].sum(0) for s in range(model["emission"].shape[1])]).T
            model["emission"] = counts / counts.sum(1, keepdims=True)
            continue
        x = x.reshape(len(g), -1)
        for i in range(len(model["means"])):
            w = g[:, i] / g[:, i].sum()
            mean = w @ x
            cov = (x - mean).T @ ((x - mean) * w[:, None])
            model["means"][i] = mean
            model["covars"][i] = (cov if full else np.diag(np.diag(cov))) + reg * np.eye(x.shape[1])


def numbers(name, v):
    print("static const double %s[] = {%s};" % (name, ", ".join("%.17g" % x for x in np.ravel(v))))


def table(name, rows, head):
    print('static const char %s[] = "%s\\n"' % (name, head))
    for row in rows:
        print('    "%s\\n"' % ",".join(row))
    print("    ;")


print("/* Made by tests/reference/make_hmm.py with numpy %s, scipy %s, PCG64 seed 9. */" % (np.__version__, scipy.__version__))
# categorical, ragged: -1 behind the end
seqs = [rng.integers(0, 3, n).astype(float) for n in (8, 8, 5, 7, 1, 8)]
table("discrete_table", [["%d" % v for v in s] + ["-1"] * (8 - len(s)) for s in seqs], ",".join("t%d" % i for i in range(8)))
model = {"start": np.array([0.6, 0.4]), "trans": np.array([[0.7, 0.3], [0.2, 0.8]]), "emission": np.array([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])}
numbers("discrete_path", em(model, seqs, 20, False, 0))
for key in ("start", "trans", "emission"):
    numbers("discrete_" + key, model[key])
# normal, two numbers at each position
for name, full in (("diagonal", False), ("full", True)):
    seqs = [np.round(rng.normal(size=(6, 2)) @ np.array([[1, 0.5], [0, 1]]) + 2 * rng.integers(0, 2, (6, 1)), 3) for _ in range(7)]
    table(name + "_table", [["%g" % v for v in s.ravel()] for s in seqs], ",".join("x%d" % i for i in range(12)))
    model = {"start": np.array([0.5, 0.5]), "trans": np.array([[0.7, 0.3], [0.4, 0.6]]), "means": np.array([[0.0, 0.0], [2.0, 2.0]]), "covars": np.stack([np.eye(2)] * 2)}
    numbers(name + "_path", em(model, seqs, 10, full, 1e-6))
    for key in ("start", "trans", "means"):
        numbers(name + "_" + key, model[key])
    numbers(name + "_covars", model["covars"] if full else np.stack([np.diag(c) for c in model["covars"]]))
# 2000 positions of the sequence (7 t^2 + 3 t) mod 11 mod 3 under the first parameters
x = np.array([(7 * t * t + 3 * t) % 11 % 3 for t in range(2000)], float)
first = {"start": np.array([0.6, 0.4]), "trans": np.array([[0.7, 0.3], [0.2, 0.8]]), "emission": np.array([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])}
numbers("long_log_p", [forward_backward(first["start"], first["trans"], densities(first, x))[0]])
