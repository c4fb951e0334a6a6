"""What Allsum trains in tests/bench/compare: a configuration for each workload of peers/work.py."""

FASHION = "/usr/share/datasets/fashion-mnist/train"
IMAGES = f"""data:
  train: {{format: idx, x: {FASHION}-images-idx3-ubyte.gz, y: {FASHION}-labels-idx1-ubyte.gz}}
  normalize: {{mean: 72.94, std: 90.02}}
"""


def dense(widths):
    """Layers as torch.nn.Linear starts them: uniform in +-1/sqrt(fan in)."""
    text = ""
    for wide, units in zip(widths, widths[1:]):
        hidden = "" if units == widths[-1] else ", activation: relu"
        text += f"    - dense: {{units: {units}{hidden}, init: uniform, init_scale: {wide ** -0.5}}}\n"
    return text


def numbers(name):
    return f"data:\n  train: {{format: npy, x: @/{name}_x.npy, y: @/{name}_y.npy}}\n  normalize: none\n"


def network(layers, loss):
    return f"model:\n  layers:\n{layers}  loss: {loss}\n"


ADAM, SGD = "{type: adam, lr: 0.001}", "{type: sgd, lr: %g}"
MLP = IMAGES + network(dense([784, 512, 512, 10]), "cross_entropy") + f"optimizer: {ADAM}\n"


class Task:
    """batch: samples of a process; steps of a run, the first of them not timed; variants of the peer that are tried; needs: kinds
    of layers, without which the row is left out; config: its text, with @ for the folder of the made-up data."""

    def __init__(self, peer, batch, steps, config, variants=("default", "foreach", "fused", "compile", "fused+compile"), needs=(), unit=1):
        self.peer, self.batch, self.steps, self.config = peer, batch, steps, config
        self.variants, self.needs, self.unit = variants, needs, unit  # unit: what the peer counts in a sample


TASKS = {
    "softmax b256": Task("softmax", 256, 1000, IMAGES + network(dense([784, 10]), "cross_entropy") + f"optimizer: {SGD % 0.05}\n"),
    "mlp b128": Task("mlp", 128, 400, MLP),
    "mlp b1024": Task("mlp", 1024, 60, MLP),
    "tabular b4096": Task("tabular", 4096, 100, numbers("tabular") + network(dense([64, 256, 256, 1]), "mse") + f"optimizer: {ADAM}\n"),
    "wide b512": Task("wide", 512, 10, numbers("wide") + network(dense([1024, 4096, 4096, 1024]), "mse") + f"optimizer: {SGD % 0.01}\n"),
}


def config(task, ranks, steps, seed, folder):
    """The text of a run; batch is that of all ranks."""
    return (f"name: bench-{task.peer}\nseed: {seed}\n" + task.config.replace("@", folder) +
            f"train: {{batch: {task.batch * ranks}, steps: {steps}}}\ncheckpoint: {{every: never}}\nlog: {{every: 1}}\n")
