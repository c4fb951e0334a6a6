"""Linear models as ONNX against what `predict` writes: 30 fits with and without normalisation, of one target or two, of
2 or 3 classes named from 1, with an exposure, and of rows that are matrices. Run in an empty folder by tests/long/interchange.
With onnxruntime 1.32.0 every difference was at most 1.5e-14 (seed 1)."""
import subprocess
import sys

import h5py
import numpy as np
import onnxruntime

program, limit = sys.argv[1], 1e-12  # 5 terms of at most 60 in size: some 1e-14 of rounding
r = np.random.default_rng(1)
x = r.normal(size=(300, 5)) * [1, 10, 0.1, 1, 1] + [0, 50, 0, 0, 0]
x[:, 4] = r.uniform(0.5, 2, 300)
three = (x[:, 0] + r.normal(size=300) > 0).astype(int) + (x[:, 3] + r.normal(size=300) > 1)
arrays = {
    "x": x,
    "grid": x[:, :4].reshape(300, 2, 2),
    "y": x @ [1, 0.1, 2, -1, 0] + r.normal(size=300),
    "pair": r.normal(size=(300, 2)) + x[:, :2],
    "two": (three > 0).astype(int),
    "three": three + 1,
}
for name, value in arrays.items():
    np.save(name + ".npy", value)
counts = r.poisson(np.exp(0.3 * x[:, 0]) * x[:, 4])
np.savetxt("counts.csv", np.column_stack([x, counts]), "%.17g", ",", header="a,b,c,d,e,k", comments="")


def call(*words):
    subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compare(model, source, inputs, file, normalize):
    with open("m.yaml", "w") as f:
        f.write(f"data: {{train: {source}, normalize: {normalize}}}\nmodel: {model}\n")
    subprocess.run(["rm", "-rf", "linear"], check=True)
    call("train", "m.yaml", "-o", "linear", "-q")
    call("export", "linear", "--to", "onnx", "-o", "linear.onnx")
    call("predict", "linear", "--in", file, "--out", "linear.h5")
    y = onnxruntime.InferenceSession("linear.onnx").run(None, {"input": inputs})[0]
    with h5py.File("linear.h5") as f:
        error = np.abs(y - f["output"][:].reshape(y.shape)).max()
    print(f"{error:.1e}  {model} {source} {normalize}")
    assert error <= limit


for normalize in "none", "mean_std":
    for kind in "ols", "ridge", "lasso, alpha: 0.1", "elastic_net, alpha: 0.1", "bayes_linear":
        compare(f"{{type: {kind}}}", "{format: npy, x: x.npy, y: y.npy}", x, "x.npy", normalize)
    compare("{type: ols}", "{format: npy, x: x.npy, y: pair.npy}", x, "x.npy", normalize)
    compare("{type: ols}", "{format: npy, x: grid.npy, y: pair.npy}", arrays["grid"], "grid.npy", normalize)
    for y in "two", "three":
        for kind in "logistic", "logistic, penalty: l2", "linear_svm":
            compare(f"{{type: {kind}}}", f"{{format: npy, x: x.npy, y: {y}.npy}}", x, "x.npy", normalize)
    for kind in "poisson", "poisson, exposure: e":
        compare(f"{{type: {kind}}}", "{format: csv, file: counts.csv, target: k}", x, "counts.csv", normalize)
