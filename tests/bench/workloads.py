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


def convolution(channels, kernel, inputs, rest="", activation=", activation: relu"):
    """As torch.nn.Conv2d starts it; inputs: channels that it reads."""
    return (f"    - conv2d: {{channels: {channels}, kernel: {kernel}, padding: {kernel // 2}{activation}, init: uniform, "
            f"init_scale: {(inputs * kernel * kernel) ** -0.5}{rest}}}\n")


def residual(block, cin, cout, stride):
    """Two convolutions with batch norms and what the block began with, by a 1 x 1 convolution where its shape is another."""
    plain, before = ", bias: false", f"r{block - 1}"
    text = convolution(cout, 3, cin, f"{plain}, stride: {stride}, from: {before}", "") + "    - batch_norm: {relu: true}\n"
    text += convolution(cout, 3, cout, f"{plain}, name: c{block}", "")
    if stride > 1 or cin != cout:
        text += convolution(cout, 1, cin, f"{plain}, stride: {stride}, from: {before}, name: s{block}", "")
        before = f"s{block}"
    return text + f"    - batch_norm: {{from: [c{block}, {before}], relu: true, name: r{block}}}\n"


LENET = (convolution(32, 5, 1) + "    - max_pool: {size: 2}\n" + convolution(64, 5, 32) + "    - max_pool: {size: 2}\n    - flatten\n" +
         dense([3136, 512, 10]))
RESIDUAL = (convolution(16, 3, 1, ", bias: false", "") + "    - batch_norm: {relu: true, name: r0}\n" + residual(1, 16, 16, 1) +
            residual(2, 16, 32, 2) + residual(3, 32, 64, 2) + "    - global_pool\n" + dense([64, 10]))
WIDE = "init: normal, init_scale: 0.02"  # every matrix of the transformer


def transformer_block(i):
    """Attention and two layers, each after a normalisation and added to what it began with."""
    return f"""    - layer_norm: {{from: z{i}}}
    - attention: {{heads: 4, causal: true, {WIDE}, name: attend{i}}}
    - add: {{from: [attend{i}, z{i}], name: a{i}}}
    - layer_norm
    - dense: {{units: 1024, over: last, activation: {{gelu: {{form: tanh}}}}, {WIDE}}}
    - dense: {{units: 256, over: last, {WIDE}, name: project{i}}}
    - add: {{from: [project{i}, a{i}], name: z{i + 1}}}
"""


GPT = ("    - embedding: {vocabulary: 256, units: 256}\n    - position: {name: z0}\n" + "".join(map(transformer_block, range(4))) +
       f"    - layer_norm\n    - dense: {{units: 256, over: last, bias: false, {WIDE}}}\n")

ADAM, SGD = "{type: adam, lr: 0.001}", "{type: sgd, lr: %g}"
MLP = IMAGES + network(dense([784, 512, 512, 10]), "cross_entropy") + f"optimizer: {ADAM}\n"


class Task:
    """batch: samples of a process; steps of a run, the first of them not timed; variants of the peer that are tried; config:
    its text, with @ for the folder of the made-up data."""

    def __init__(self, peer, batch, steps, config, variants=("default", "foreach", "fused", "compile", "fused+compile"), unit=1):
        self.peer, self.batch, self.steps, self.config = peer, batch, steps, config
        self.variants, self.unit = variants, unit  # unit: what the peer counts in a sample


IMAGE_VARIANTS = ("default", "channels_last", "channels_last+fused", "channels_last+foreach", "channels_last+compile")
TASKS = {
    "softmax b256": Task("softmax", 256, 1000, IMAGES + network(dense([784, 10]), "cross_entropy") + f"optimizer: {SGD % 0.05}\n"),
    "mlp b128": Task("mlp", 128, 400, MLP),
    "mlp b1024": Task("mlp", 1024, 60, MLP),
    "tabular b4096": Task("tabular", 4096, 100, numbers("tabular") + network(dense([64, 256, 256, 1]), "mse") + f"optimizer: {ADAM}\n"),
    "lenet b128": Task("lenet", 128, 40, IMAGES + network(LENET, "cross_entropy") + "optimizer: {type: sgd, lr: 0.01, momentum: 0.9}\n",
                       IMAGE_VARIANTS),
    "rescnn b128": Task("rescnn", 128, 40, IMAGES + network(RESIDUAL, "cross_entropy") + "optimizer: {type: sgd, lr: 0.02, momentum: 0.9}\n",
                        IMAGE_VARIANTS),
    "gpt b8": Task("gpt", 8, 24, "data:\n  train: {format: text, file: @/text.txt, context: 256}\n" + network(GPT, "cross_entropy") +
                   "optimizer: {type: adamw, lr: 0.0003, weight_decay: 0}\n", unit=256),
    "wide b512": Task("wide", 512, 10, numbers("wide") + network(dense([1024, 4096, 4096, 1024]), "mse") + f"optimizer: {SGD % 0.01}\n"),
}


def config(task, ranks, steps, seed, folder):
    """The text of a run; batch is that of all ranks, each of which has a lane where `auto` would give fewer."""
    lanes = f"lanes: {ranks}\n" if ranks > 1 and task.batch < 16 else ""
    return (f"name: bench-{task.peer}\nseed: {seed}\n" + lanes + task.config.replace("@", folder) +
            f"train: {{batch: {task.batch * ranks}, steps: {steps}}}\ncheckpoint: {{every: never}}\nlog: {{every: 1}}\n")
