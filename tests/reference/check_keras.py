#!/usr/bin/env python3
"""Weights of Keras 3 give the same outputs here, from both of its layouts, and ours there.

    check_keras.py PROGRAM

Made for Keras 3.15 on the backend torch; the largest difference of probabilities allowed is 1e-5."""
import os
import subprocess
import sys

os.environ["KERAS_BACKEND"] = "torch"
import h5py
import keras
import numpy as np
from keras import layers as L

PROGRAM, LIMIT = sys.argv[1], 1e-5
failures = 0
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

CNN = """
data: {train: {format: builtin, name: digits, shape: [8, 8, 1]}}
model:
  layers:
    - conv2d: {name: first, channels: 6, activation: relu}
    - batch_norm: {name: norm, momentum: 0}
    - conv2d: {name: second, channels: 6, stride: 2, padding: valid}
    - dense: {name: body, units: 16, activation: tanh}
    - layer_norm: {name: even}
    - dense: {name: head, units: 10}
optimizer: {type: adam, lr: 0}
train: {batch: 128, steps: 1}
"""
LSTM = """
data: {train: {format: builtin, name: digits}}
model:
  layers:
    - lstm: {name: up, units: 9}
    - lstm: {name: end, units: 7, output: last}
    - dense: {name: head, units: 10}
optimizer: {type: adam, lr: 0}
train: {batch: 128, steps: 1}
"""


def shares(logits):
    e = np.exp(np.float64(logits) - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def report(what, difference):
    global failures
    failures += not difference <= LIMIT
    print(f"{what}: largest difference {difference:.1e}{'' if difference <= LIMIT else '  TOO LARGE'}")


def ours(run, x):
    np.save("keras_x.npy", x)
    subprocess.run([PROGRAM, "predict", run, "--in", "keras_x.npy", "-o", "keras_p.h5", "-q"], check=True, stdout=subprocess.DEVNULL)
    return h5py.File("keras_p.h5")["output"][:]


cnn = keras.Sequential([
    keras.Input((8, 8, 1)), L.Conv2D(6, 3, padding="same", activation="relu", name="first"), L.BatchNormalization(name="norm", epsilon=1e-5),
    L.Conv2D(6, 3, strides=2, padding="valid", name="second"), L.Flatten(), L.Dense(16, activation="tanh", name="body"),
    L.LayerNormalization(epsilon=1e-5, name="even"), L.Dense(10, name="head")])
lstm = keras.Sequential([keras.Input((8, 8)), L.LSTM(9, name="up", return_sequences=True), L.LSTM(7, name="end"), L.Dense(10, name="head")])
for v in cnn.variables:
    v.assign(rng.normal(size=v.shape) * 0.3 + (1.5 if "variance" in v.path else 0))
names = {"cnn": "first=conv2d, norm=batch_normalization, second=conv2d_1, body=dense, even=layer_normalization, head=dense_1",
         "lstm": "up=lstm, end=lstm_1, head=dense"}
images = rng.integers(0, 17, (50, 8, 8, 1)).astype(np.float32)
for name, model, text, x in (("cnn", cnn, CNN, images), ("lstm", lstm, LSTM, images[..., 0])):
    open(f"keras_{name}.yaml", "w").write(text)
    model.save(f"keras_{name}.h5")
    model.save_weights(f"keras_{name}.weights.h5")
    y = shares(model.predict(x, verbose=0))
    for file, more in ((f"keras_{name}.h5", []), (f"keras_{name}.weights.h5", ["-s", f"start.rename=[{names[name]}]"])):
        subprocess.run([PROGRAM, "train", f"keras_{name}.yaml", "-o", "run-" + file, "-q", "-s", f"start.from={file}", "-s", "start.layout=keras"] +
                       more, check=True, stdout=subprocess.DEVNULL)
        report(f"{file} from Keras", np.abs(ours("run-" + file, x) - y).max())

subprocess.run([PROGRAM, "train", "keras_cnn.yaml", "-o", "run-cnn", "-q", "-s", "optimizer.lr=0.01", "-s", "train={batch: 128, epochs: 2}"], check=True,
               stdout=subprocess.DEVNULL)
weights = h5py.File("run-cnn/final.h5")["params"]
for layer in cnn.layers:
    order = [n for n in ("weight", "gain", "bias", "mean", "variance") if layer.name in weights and n in weights[layer.name]]
    if order:
        layer.set_weights([weights[layer.name][n][:] for n in order])
report("cnn in Keras", np.abs(ours("run-cnn", images) - shares(cnn.predict(images, verbose=0))).max())
sys.exit(1 if failures else 0)
