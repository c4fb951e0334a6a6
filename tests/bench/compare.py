"""Allsum beside PyTorch: the same networks, data, batch, optimizer and number of steps, run in turn (A B A B ...).

For each task and layout (processes x threads): the fastest of torch's variants is found first (optimizer default, foreach, fused;
torch.compile; for two processes gloo/DDP or one flat mpi4py Allreduce), then --pairs pairs are run. A row gives the median rate of
both, the median and range of the ratio over the pairs, and the mean training loss over the last tenth of the steps of both.
Two processes: each has the batch of the one-process run.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FASHION = "/usr/share/datasets/fashion-mnist/train"
TASKS = {  # peer task, batch per process, steps, variants of torch
    "softmax b256": ("softmax", 256, 1000, ["default", "foreach", "fused", "compile"]),
    "mlp b128": ("mlp", 128, 400, ["default", "foreach", "fused", "compile", "fused+compile"]),
    "mlp b1024": ("mlp", 1024, 60, ["default", "foreach", "fused", "compile", "fused+compile"]),
    "tabular b4096": ("tabular", 4096, 100, ["default", "foreach", "fused", "compile", "fused+compile"]),
}
WIDTHS = {"softmax": [784, 10], "mlp": [784, 512, 512, 10], "tabular": [64, 256, 256, 1]}
OPTIMIZER = {"softmax": "{type: sgd, lr: 0.05}", "mlp": "{type: adam, lr: 0.001}", "tabular": "{type: adam, lr: 0.001}"}


def environment(threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_CORETYPE="SkylakeX")  # the latter matters to OpenBLAS builds alone
    if os.getuid() == 0:
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return env


def run(command, threads):
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


def torch(task, batch, steps, procs, threads, variant, folder):
    script = [sys.executable, os.path.join(HERE, "peers", "train.py"), "--task", task, "--batch", str(batch), "--steps", str(steps),
              "--threads", str(threads), "--data", folder]
    variant, _, how = variant.partition("/")
    script += ["--variant", variant]
    if procs > 1:
        script = ["mpirun", "--bind-to", "none", "-np", str(procs)] + script + ["--mpi"] if how == "mpi4py" else script + ["--spawn", str(procs)]
    return json.loads(run(script, threads).strip().splitlines()[-1])


def config(task, batch, steps, folder):
    layers = ""
    for wide, units in zip(WIDTHS[task], WIDTHS[task][1:]):  # torch.nn.Linear starts uniform in +-1/sqrt(fan in)
        hidden = "" if units == WIDTHS[task][-1] else ", activation: relu"
        layers += f"    - dense: {{units: {units}{hidden}, init: uniform, init_scale: {wide ** -0.5}}}\n"
    if task == "tabular":
        source = f"{{format: npy, x: {folder}/tabular_x.npy, y: {folder}/tabular_y.npy}}"
        extra, loss = "  normalize: none\n", "mse"
    else:
        source = f"{{format: idx, x: {FASHION}-images-idx3-ubyte.gz, y: {FASHION}-labels-idx1-ubyte.gz}}"
        extra, loss = "  normalize: mean_std\n", "cross_entropy"
    return (f"name: bench-{task}\nseed: 1\ndata:\n  train: {source}\n{extra}model:\n  layers:\n{layers}  loss: {loss}\n"
            f"optimizer: {OPTIMIZER[task]}\ntrain: {{batch: {batch}, steps: {steps}}}\ncheckpoint: {{every: never}}\nlog: {{every: 1}}\n")


def allsum(program, task, batch, steps, procs, threads, folder):
    path = os.path.join(folder, "bench.yaml")
    with open(path, "w") as f:
        f.write(config(task, batch * procs, steps, folder))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [program, "train", path, "-o", os.path.join(out, "run"), "-q"]
        if procs > 1:
            command = ["mpirun", "--bind-to", "none", "-np", str(procs)] + command
        run(command, threads)
        with open(os.path.join(out, "run", "summary.json")) as f:
            summary = json.load(f)
        with open(os.path.join(out, "run", "metrics.jsonl")) as f:
            losses = [m["loss"] for m in map(json.loads, f) if "lr" in m]
    return {"rate": summary["samples_per_second"], "loss": statistics.fmean(losses[-max(1, steps // 10):]), "isa": summary["isa"]}


def tabular(folder):
    import numpy as np
    g = np.random.default_rng(7)
    x = g.standard_normal((262144, 64), dtype=np.float32)
    w1, w2 = g.standard_normal((64, 32)) / 8, g.standard_normal((32, 1)) / 32 ** 0.5
    y = np.tanh(x @ w1) @ w2 + 0.05 * g.standard_normal((len(x), 1))
    np.save(os.path.join(folder, "tabular_x.npy"), x)
    np.save(os.path.join(folder, "tabular_y.npy"), y.astype(np.float32))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--tasks", default=",".join(TASKS))
    p.add_argument("--layouts", default="1x1,1x2,2x1", help="processes x threads")
    p.add_argument("--program", default="build/allsum")
    p.add_argument("--compile", action="store_true", help="try torch.compile too (needs a C++ compiler and Python headers)")
    args = p.parse_args()
    program = os.path.abspath(args.program)
    rows, versions = [], set()
    with tempfile.TemporaryDirectory() as folder:
        tabular(folder)
        for name in args.tasks.split(","):
            task, batch, steps, variants = TASKS[name]
            variants = [v for v in variants if args.compile or "compile" not in v]
            for layout in args.layouts.split(","):
                procs, threads = map(int, layout.split("x"))
                found = {}
                for variant in variants if procs == 1 else [f"{v}/{how}" for v in variants for how in ("gloo", "mpi4py")]:
                    try:
                        found[variant] = torch(task, batch, max(20, steps // 2), procs, threads, variant, folder)["rate"]
                    except RuntimeError as error:
                        print(f"{name} {layout}: torch {variant} left out: {str(error).splitlines()[-1]}", file=sys.stderr)
                best = max(found, key=found.get)
                print(f"{name} {layout}: torch " + ", ".join(f"{v} {r:,.0f}/s" for v, r in found.items()), file=sys.stderr)
                pairs = []
                for _ in range(args.pairs):
                    theirs = torch(task, batch, steps, procs, threads, best, folder)
                    ours = allsum(program, task, batch, steps, procs, threads, folder)
                    versions.add(f"torch {theirs['version']}, allsum kernels {ours['isa']}")
                    pairs.append((ours, theirs))
                ratios = sorted(o["rate"] / t["rate"] for o, t in pairs)
                rows.append((name, layout, statistics.median(o["rate"] for o, _ in pairs), statistics.median(t["rate"] for _, t in pairs), best,
                             statistics.median(ratios), ratios[0], ratios[-1], pairs[0][0]["loss"], pairs[0][1]["loss"]))
                print("  ratio %.2f (%.2f - %.2f)" % rows[-1][5:8], file=sys.stderr)
    print(run([program, "--version"], 1).strip(), "|", "; ".join(sorted(versions)), "|", platform.platform(), "|", os.cpu_count(), "cores")
    print(f"{'task':14} {'procs x threads':15} {'allsum/s':>11} {'torch/s':>11} {'torch variant':16} {'ratio':>6} {'range':>13}  loss: allsum, torch")
    for row in rows:
        print("%-14s %-15s %11.0f %11.0f %-16s %6.2f %6.2f -%5.2f  %.4f, %.4f" % row)


if __name__ == "__main__":
    main()
