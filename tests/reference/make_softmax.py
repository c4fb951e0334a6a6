"""Reference optimum of a softmax regression by scikit-learn.

Run:  python make_softmax.py > softmax.h
Minimises sum of cross entropies + 1/2 ||W||^2 (C = 1, intercepts free) over given samples.
"""
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
SEED, N, D, K = 20261, 60, 5, 3
rng = np.random.default_rng(SEED)
x = rng.standard_normal((N, D)).astype(np.float32).astype(np.float64)
y = np.argmax(x @ rng.standard_normal((D, K)) + rng.gumbel(size=(N, K)), axis=1)
fit = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-14, max_iter=100000).fit(x, y)


def numbers(values):
    return ", ".join(float(v).hex() for v in np.asarray(values).ravel())


print(f"""/* A softmax regression and its optimum. Made by make_softmax.py with scikit-learn {sklearn.__version__}, numpy {np.__version__}, seed {SEED}. */
#ifndef REFERENCE_SOFTMAX_H
#define REFERENCE_SOFTMAX_H

/* clang-format off */
enum {{ SOFTMAX_N = {N}, SOFTMAX_D = {D}, SOFTMAX_K = {K} }};
static const double softmax_x[SOFTMAX_N * SOFTMAX_D] =
    {{{numbers(x)}}};
static const int32_t softmax_y[SOFTMAX_N] =
    {{{", ".join(map(str, y))}}};
/* (D, K), as a dense layer holds it */
static const double softmax_weight[SOFTMAX_D * SOFTMAX_K] =
    {{{numbers(fit.coef_.T)}}};
static const double softmax_bias[SOFTMAX_K] = {{{numbers(fit.intercept_ - fit.intercept_.mean())}}};
/* clang-format on */

#endif""")
g = x.T @ (np.exp(z := x @ fit.coef_.T + fit.intercept_) / np.exp(z).sum(1, keepdims=True) - np.eye(K)[y]) + fit.coef_.T
import sys
print("gradient at optimum", abs(g).max(), "classes", np.bincount(y), file=sys.stderr)
