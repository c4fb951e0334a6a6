"""The metrics of `allsum eval` against scikit-learn on the outputs of `allsum predict`: python3 check_eval.py PROGRAM SCRATCH

scikit-learn 1.9.1, h5py; three classes, two classes by one output, and real targets, from numpy's default_rng(3)."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np
from sklearn import metrics

program, scratch = os.path.abspath(sys.argv[1]), sys.argv[2]
os.makedirs(scratch, exist_ok=True)
os.chdir(scratch)
rng = np.random.default_rng(3)


def run(*words):
    return subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout


def case(name, model):
    x = rng.normal(size=(900, 4))
    z = x @ rng.normal(size=(4, 3)) + rng.normal(size=(900, 3))
    y = {"three": z.argmax(1), "two": (z[:, 0] > 0.7) * 1, "real": z[:, 0] * 3}[name]
    w = rng.integers(1, 3, 900) if name == "three" else np.ones(900)
    for part, rows in (("train", slice(0, 500)), ("test", slice(500, 900))):
        np.savetxt(f"{name}-{part}.csv", np.c_[x, y, w][rows], delimiter=",", header="a,b,c,d,y,w", comments="", fmt="%.9g")
    source = "{{format: csv, file: {}-{}.csv, target: y, weight: w}}"
    run("train", "-q", "-o", name, "-s", "data={train: %s, test: %s, normalize: mean_std%s}" % (
        source.format(name, "train"), source.format(name, "test"), ", classes: 3" if name == "three" else ""),
        "-s", f"model={model}", "-s", "train={batch: 50, epochs: 3}")
    found = {k: v["value"] for k, v in json.loads(run("eval", name, "--json"))["intervals"].items() if isinstance(v, dict)}
    run("predict", name, "-i", f"{name}-test.csv", "-o", f"{name}.h5")
    out = h5py.File(f"{name}.h5")["output"][:]
    y, w = y[500:], w[500:]
    if name == "real":
        out = out[:, 0]
        expected = {"mse": metrics.mean_squared_error(y, out), "rmse": metrics.root_mean_squared_error(y, out),
                    "mae": metrics.mean_absolute_error(y, out), "r2": metrics.r2_score(y, out)}
    else:
        p = np.c_[1 - out, out] if out.shape[1] == 1 else out
        said, labels = p.argmax(1), range(p.shape[1])
        expected = {"accuracy": metrics.accuracy_score(y, said, sample_weight=w),
                    "nll": metrics.log_loss(y, p / p.sum(1, keepdims=True), sample_weight=w, labels=labels),
                    "mcc": metrics.matthews_corrcoef(y, said, sample_weight=w)}
        each = [1] if name == "two" else labels
        expected["auc"] = np.mean([metrics.roc_auc_score(y == k, p[:, k], sample_weight=w) for k in each])
        expected["average_precision"] = np.mean([metrics.average_precision_score(y == k, p[:, k], sample_weight=w) for k in each])
        square = (p - np.eye(p.shape[1])[y]) ** 2
        expected["brier"] = np.average(square[:, 1] if name == "two" else square.sum(1), weights=w)
    for k, v in expected.items():
        assert abs(found[k] - v) <= 1e-6 * abs(v), (name, k, found[k], v)
        print(f"{name:6} {k:18} {found[k]:.12g} {v:.12g}")


case("three", "{layers: [{dense: 3}], loss: cross_entropy}")
case("two", "{layers: [{dense: 1}], loss: bce}")
case("real", "{layers: [{dense: 1}], loss: mse}")
