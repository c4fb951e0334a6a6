"""Statistical models beside scikit-learn on the same data: seconds of fitting, in one run.

usage: python3 tests/bench/sklearn_fits.py [--only gaussian_nb,kmeans] [--threads 1,2] [--repeats 5] [--rows 1000000]
           [--program build/allsum] [--python PYTHON]
       python3 tests/bench/sklearn_fits.py --growth [--repeats 3]
           how our own time grows with rows, columns and ranks; one thread each
Needs Python with numpy and scikit-learn for the data and the other side. Every row is a function of ROWS: it makes data, the
model section of a configuration, and code that fits the same model there. Both sides hold the data in memory before the clock
starts and take the same passes from the same start; the least of the repetitions counts, taken in turns.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class Row:
    """x, y: arrays (y None: no labels); model: text of the section; steps: passes, or None; peer: Python that sets `fit`, a
    function that fits arrays x and y; note: what is compared."""

    def __init__(self, x, y, model, peer, note, steps=None):
        self.x, self.y, self.model, self.peer, self.note, self.steps = x, y, model, peer, note, steps


def clusters(rows, d, k, seed):
    rng = np.random.default_rng(seed)
    center = rng.normal(size=(k, d)) * 3
    label = rng.integers(0, k, rows)
    return rng.normal(size=(rows, d)) + center[label], label, center


def gaussian_nb(rows):
    x, y, _ = clusters(rows, 100, 10, 1)
    return Row(x, y, "{type: gaussian_nb}", "from sklearn.naive_bayes import GaussianNB as M\nfit = lambda: M().fit(x, y)",
               "10 classes, 100 columns")


def multinomial_nb(rows):
    x, y, _ = clusters(rows, 100, 10, 1)
    x = np.floor(np.abs(x))
    return Row(x, y, "{type: multinomial_nb}", "from sklearn.naive_bayes import MultinomialNB as M\nfit = lambda: M().fit(x, y)",
               "10 classes, 100 columns")


def numbers(a):
    return "[" + ", ".join(repr(float(v)) for v in np.ravel(a)) + "]"


def kmeans(rows):
    x, _, center = clusters(rows, 16, 8, 2)
    start = x[:8]
    return Row(x, None, f"{{type: kmeans, n_clusters: 8, tol: 0, max_iter: 20, init: {numbers(start)}}}",
               "from sklearn.cluster import KMeans as M\nfit = lambda: M(8, init=x[:8].copy(), n_init=1, tol=0, max_iter=20).fit(x)",
               "8 clusters, 16 columns, at most 20 iterations from the first rows")


def kmeans_seeded(rows):
    x, _, center = clusters(rows, 16, 8, 2)
    return Row(x, None, "{type: kmeans, n_clusters: 8, max_iter: 20}",
               "from sklearn.cluster import KMeans as M\nfit = lambda: M(8, n_init=1, max_iter=20, random_state=0).fit(x)",
               "8 clusters, 16 columns, with seeding, defaults")


def mixture(rows, kind):
    x, label, center = clusters(rows, 16, 8, 3)
    mean = center + 0.3
    weight, eye = np.full(8, 1 / 8), np.eye(16)
    precision = {"full": np.tile(eye, (8, 1, 1)), "diag": np.ones((8, 16)), "tied": eye, "spherical": np.ones(8)}[kind]
    name = {"diag": "diagonal"}.get(kind, kind)
    return Row(x, None,
               f"{{type: gmm, n_components: 8, covariance_type: {name}, tol: 0, max_iter: 10, means_init: {numbers(mean)}, "
               f"weights_init: {numbers(weight)}, precisions_init: {numbers(precision)}}}",
               "import numpy as np, warnings\nwarnings.simplefilter('ignore')\nfrom sklearn.mixture import GaussianMixture as M\n"
               f"mean, precision = np.array({numbers(mean)}).reshape(8, 16), np.array({numbers(precision)}).reshape({precision.shape})\n"
               f"fit = lambda: M(8, covariance_type='{kind}', tol=0, max_iter=10, init_params='random_from_data', means_init=mean, "
               "weights_init=np.full(8, 1 / 8), precisions_init=precision).fit(x)",
               f"8 components, 16 columns, {name}, 10 steps of EM from the same start")


def gmm(rows):
    return mixture(rows, "full")


def gmm_diagonal(rows):
    return mixture(rows, "diag")


def regression(rows, model):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, 100))
    return Row(x, x @ rng.normal(size=100) + rng.normal(size=rows), model,
               "from sklearn.linear_model import LinearRegression as M\nfit = lambda: M().fit(x, y)", "100 columns")


def ols(rows):
    row = regression(rows, "{type: ols, robust: false}")
    row.note += "; with errors, tests and intervals on our side"
    return row


def pca(rows):
    x = np.random.default_rng(5).normal(size=(rows, 100))
    return Row(x, None, "{type: pca}", "from sklearn.decomposition import PCA as M\nfit = lambda: M().fit(x)", "100 columns, all components")


def logistic_fashion(rows):
    """Debian package dataset-fashion-mnist; the same 60,000 rows whatever --rows says."""
    place = "/usr/share/datasets/fashion-mnist/train-"
    x = np.frombuffer(gzip.open(place + "images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(60000, 784) / 255.0
    y = np.frombuffer(gzip.open(place + "labels-idx1-ubyte.gz").read(), np.uint8, offset=8).astype(np.int64)
    return Row(x, y, "{type: logistic, penalty: l2, C: 1, solver: lbfgs, tol: 1.0e-3}",
               "from sklearn.linear_model import LogisticRegression as M\nfit = lambda: M(C=1, tol=1e-3, max_iter=10000).fit(x, y)",
               "Fashion-MNIST, L2, L-BFGS until the largest slope of the same objective is 1e-3")


def two_classes(rows, d):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, d))
    return x, x @ rng.normal(size=d) * 0.3 - 0.5, rng


def logistic_newton(rows):
    x, eta, rng = two_classes(rows, 50)
    y = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    return Row(x, y, "{type: logistic, penalty: l2, C: 1, solver: newton, tol: 1.0e-6}",
               "from sklearn.linear_model import LogisticRegression as M\n"
               "fit = lambda: M(C=1, solver='newton-cholesky', tol=1e-6, max_iter=100).fit(x, y)", "2 classes, 50 columns, L2, Newton")


def poisson_newton(rows):
    x, eta, rng = two_classes(rows, 50)
    y = rng.poisson(np.exp(np.minimum(eta, 3))).astype(float)
    return Row(x, y, "{type: poisson, alpha: 0.001, solver: newton, tol: 1.0e-6}",
               "from sklearn.linear_model import PoissonRegressor as M\n"
               "fit = lambda: M(alpha=0.001, solver='newton-cholesky', tol=1e-6, max_iter=100).fit(x, y)", "counts, 50 columns, L2, Newton")


ROWS = [ols, pca, gaussian_nb, multinomial_nb, kmeans, kmeans_seeded, gmm, gmm_diagonal, logistic_fashion, logistic_newton, poisson_newton]


def ours(program, folder, row, threads, ranks=1):
    config, run = os.path.join(folder, "fit.yaml"), os.path.join(folder, "run")
    label = "" if row.y is None else f", y: {folder}/y.npy"
    with open(config, "w") as f:
        f.write(f"data:\n  train: {{format: npy, x: {folder}/x.npy{label}}}\n  assign: contiguous\nmodel: {row.model}\n")
        f.write("log: {every: 1000000 steps}\n" + (f"train: {{steps: {row.steps}}}\n" if row.steps else ""))
    subprocess.run(["rm", "-rf", run], check=True)
    launch = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks)] if ranks > 1 else []
    subprocess.run(launch + [program, "train", config, "-q", "--threads", str(threads), "-o", run], check=True, capture_output=True)
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
    last = [line for line in lines if line["kind"] == "step"][-1]
    return sum(last["timing"][part] for part in ("forward", "sum", "update")), last["step"]  # without reading the file


def peer(python, folder, row, threads):
    code = ("import time, sys, numpy as np\n"
            f"x = np.load('{folder}/x.npy')\n" + (f"y = np.load('{folder}/y.npy')\n" if row.y is not None else "") + row.peer +
            "\nt = time.perf_counter(); m = fit(); print(time.perf_counter() - t, np.max(getattr(m, 'n_iter_', 1)))\n")
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    cores = ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[:threads])
    out = subprocess.run(["taskset", "-c", cores, python, "-c", code], check=True, capture_output=True, text=True, env=env).stdout.split()
    return float(out[0]), int(out[1])


GROWTH = {"ols": "{type: ols, robust: false}", "pca": "{type: pca}", "gaussian_nb": "{type: gaussian_nb}",
          "kmeans": "{type: kmeans, n_clusters: 8, max_iter: 5}"}


def growth(args, program):
    """Seconds of fitting for rows x columns x ranks; the least of the repetitions."""
    print(f"{'fit':<14}{'rows':>10}{'columns':>9}{'ranks':>7}{'s':>10}")
    cases = [(n, 100, 1) for n in (125000, 250000, 500000, 1000000)] + [(250000, d, 1) for d in (25, 50, 200)] + [(1000000, 100, 2)]
    with tempfile.TemporaryDirectory() as folder:
        for rows, columns, ranks in cases:
            x, label, _ = clusters(rows, columns, 8, 3)
            np.save(os.path.join(folder, "x.npy"), x)
            for name, model in GROWTH.items():
                y = label if name == "gaussian_nb" else x[:, 0] + 0.1 * label if name == "ols" else None
                if y is not None:
                    np.save(os.path.join(folder, "y.npy"), y)
                seconds = min(ours(program, folder, Row(x, y, model, "", ""), 1, ranks)[0] for _ in range(args.repeats))
                print(f"{name:<14}{rows:>10}{columns:>9}{ranks:>7}{seconds:>10.3f}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--rows", type=int, default=1000000)
    p.add_argument("--program", default="build/allsum")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--growth", action="store_true")
    args = p.parse_args()
    program = os.path.abspath(args.program)
    if args.growth:
        growth(args, program)
        return
    print(f"{'fit':<18}{'threads':>8}{'allsum s':>10}{'passes':>8}{'sklearn s':>11}{'passes':>8}{'ratio':>8}   of")
    with tempfile.TemporaryDirectory() as folder:
        for make in ROWS:
            if args.only and make.__name__ not in args.only.split(","):
                continue
            row = make(args.rows)
            np.save(os.path.join(folder, "x.npy"), row.x)
            if row.y is not None:
                np.save(os.path.join(folder, "y.npy"), row.y)
            for threads in map(int, args.threads.split(",")):
                a, b = [], []
                for _ in range(args.repeats):
                    a.append(ours(program, folder, row, threads))
                    b.append(peer(args.python, folder, row, threads))
                (ta, na), (tb, nb) = min(a), min(b)
                print(f"{make.__name__:<18}{threads:>8}{ta:>10.3f}{na:>8}{tb:>11.3f}{nb:>8}{tb / ta:>8.1f}   {row.note}", flush=True)


if __name__ == "__main__":
    main()
