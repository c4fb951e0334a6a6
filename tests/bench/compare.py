"""Allsum beside PyTorch: the same networks, data, batches, optimizers and numbers of steps, run in turn (A B A B ...).

For each task and layout (processes x threads) the fastest variant of torch is found first: optimizer default, foreach, fused; images
channels-last; torch.compile of the model where a compiler is there. Two processes: once with gloo/DDP, once with one flat mpi4py
Allreduce a step, a row each. Then --pairs rounds are run, a seed each. The rate of a run, of either side, is the median over ten equal
chunks of its steps but the first three. A row gives the median rate of both, the median and range of
the ratio over the rounds, and the mean training loss of the last tenth of the steps, mean over the rounds. Processes have the batch
of the one-process run each.

The losses must agree: orders of samples and initial numbers differ between the two, so each loss is a random variable whose spread
over the seeds is measured; the means may differ by 4 standard errors of their difference (some 0.5 % of honest rows fall outside with
5 rounds of each) and by 1 % of the loss, for what is not random: ours starts biases at zero, torch uniformly. Otherwise the row is
marked and the exit code is 1.
"""
import argparse
import copy
import json
import os
import platform
import statistics
import sys
import tempfile

from common import HERE, launcher, make_data, run
from workloads import TASKS, config

def torch(task, steps, ranks, threads, variant, how, seed, folder):
    command = [sys.executable, os.path.join(HERE, "peers", "train.py"), "--task", task.peer, "--batch", str(task.batch), "--steps", str(steps),
               "--threads", str(threads), "--data", folder, "--variant", variant, "--seed", str(seed), "--warmup", str(WARMUP), "--chunks", str(CHUNKS)]
    if how == "mpi4py":
        command = launcher(ranks, threads) + command + ["--mpi"]
    elif ranks > 1:
        command += ["--spawn", str(ranks)]
    try:
        return json.loads(run(command, threads).strip().splitlines()[-1])
    except RuntimeError as error:  # its processes sometimes abort at their end
        print(f"    torch {variant} {how}: once more: {error}", file=sys.stderr)
        return json.loads(run(command, threads).strip().splitlines()[-1])


# An instruction set below the widest of the machine, for Allsum and for what torch is made of. Code that torch.compile makes is left
# out then: held to AVX2 here its losses are NaN, or those of a network that does not learn.
NARROWER = {"avx2": {"ALLSUM_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}}

WARMUP, CHUNKS = 3, 10  # of the peer: both rates are medians over the same chunks of steps
LONG = 1000  # steps; a third of a run, but of no longer one, finds the fastest variant


def median_rate(seconds, batch):
    """Samples per second: the median over equal chunks of the steps after the first ones, by the clock at the end of each step."""
    chunks = min(CHUNKS, len(seconds) - WARMUP)
    bounds = [WARMUP + (len(seconds) - WARMUP) * c // chunks for c in range(chunks + 1)]
    return statistics.median((b - a) * batch / (seconds[b - 1] - seconds[a - 1]) for a, b in zip(bounds, bounds[1:]))


def allsum(program, task, steps, ranks, threads, seed, folder):
    path = os.path.join(folder, "bench.yaml")
    with open(path, "w") as f:
        f.write(config(task, ranks, steps, seed, folder))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [program, "train", path, "-o", os.path.join(out, "run"), "-q", "--threads", str(threads)]
        run((launcher(ranks, threads) if ranks > 1 else []) + command, threads)
        with open(os.path.join(out, "run", "summary.json")) as f:
            summary = json.load(f)
        with open(os.path.join(out, "run", "metrics.jsonl")) as f:
            log = [m for m in map(json.loads, f) if "lr" in m]
    losses, rate = [m["loss"] for m in log], median_rate([m["timing"]["seconds"] for m in log], task.batch * ranks * task.unit)
    return {"rate": rate, "loss": statistics.fmean(losses[-max(1, steps // 10):]), "isa": summary["isa"], "lanes": summary["lanes"]}


def fastest(task, ranks, threads, how, folder, variants):
    """The best of torch's variants and the rates of all."""
    rates = {}
    for variant in variants:
        try:
            rates[variant] = torch(task, max(12, min(task.steps, LONG) // 3), ranks, threads, variant, how, 1, folder)["rate"]
        except RuntimeError as error:
            print(f"    torch {variant} {how}: left out: {error}", file=sys.stderr)
    print(f"    torch {how}: " + ", ".join(f"{v} {r:,.0f}/s" for v, r in rates.items()), file=sys.stderr)
    return max(rates, key=rates.get)


def agree(ours, theirs):
    """Whether the losses of the rounds have the same mean (see the head), and the tolerance."""
    mean = statistics.fmean(theirs)
    error = ((statistics.variance(ours) + statistics.variance(theirs)) / len(ours)) ** 0.5 if len(ours) > 1 else 0.05 * mean
    tolerance = 4 * error + 0.01 * mean
    return abs(statistics.fmean(ours) - mean) <= tolerance, tolerance


def compare(name, task, ranks, threads, args, program, folder):
    """Rows of one task and layout, and what ran."""
    print(f"{name}, {ranks} x {threads}", file=sys.stderr)
    best = {how: fastest(task, ranks, threads, how, folder, args.variants.split(",") if args.variants else task.variants)
            for how in (["one process"] if ranks == 1 else ["gloo/DDP", "mpi4py"])}
    ours, theirs = [], {how: [] for how in best}
    for seed in range(1, args.pairs + 1):
        for how in best:
            theirs[how].append(torch(task, task.steps, ranks, threads, best[how], how, seed, folder))
        ours.append(allsum(program, task, task.steps, ranks, threads, seed, folder))
    rows = []
    for how, runs in theirs.items():
        ratios = sorted(o["rate"] / t["rate"] for o, t in zip(ours, runs))
        same, tolerance = agree([o["loss"] for o in ours], [t["loss"] for t in runs])
        rows.append({"task": name, "steps": task.steps, "ranks": ranks, "threads": threads, "peer": how, "variant": best[how],
                     "allsum": statistics.median(o["rate"] for o in ours), "torch": statistics.median(t["rate"] for t in runs),
                     "ratio": statistics.median(ratios), "least": ratios[0], "most": ratios[-1],
                     "loss": statistics.fmean(o["loss"] for o in ours), "torch_loss": statistics.fmean(t["loss"] for t in runs),
                     "tolerance": tolerance, "same_loss": same})
        print("    ratio %.2f (%.2f - %.2f)" % (rows[-1]["ratio"], ratios[0], ratios[-1]), file=sys.stderr)
    first = next(iter(theirs.values()))[0]
    return rows, f"torch {first['version']} ({first['blas']}; {first['simd']}), allsum kernels {ours[0]['isa']}"


def table(rows, head):
    text = head + f"\n{'task':14} {'layout':6} {'beside':12} {'torch variant':20} {'allsum/s':>11} {'torch/s':>11} {'ratio':>6} {'range':>13}  loss: allsum, torch (tolerance)\n"
    for r in rows:
        text += "%-14s %d x %d  %-12s %-20s %11.0f %11.0f %6.2f %6.2f -%5.2f  %.4f, %.4f (%.4f)%s\n" % (
            r["task"], r["ranks"], r["threads"], r["peer"], r["variant"], r["allsum"], r["torch"], r["ratio"], r["least"], r["most"],
            r["loss"], r["torch_loss"], r["tolerance"], "" if r["same_loss"] else "  NOT THE SAME LOSS")
    return text


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pairs", type=int, default=5, help="rounds of each row")
    p.add_argument("--tasks", default=",".join(TASKS), help="of: " + ", ".join(TASKS))
    p.add_argument("--steps", type=int, help="of each run, instead of those of the task")
    p.add_argument("--layouts", default="1x1,1x2,2x1", help="processes x threads")
    p.add_argument("--program", default="build/allsum")
    p.add_argument("--variants", help="of torch, instead of those of the task")
    p.add_argument("--isa", choices=NARROWER, help="of both, instead of the widest of the machine")
    p.add_argument("--json", help="file for the rows")
    args = p.parse_args()
    for name in args.tasks.split(","):
        if name not in TASKS:
            sys.exit(f"compare: no task '{name}': expected {', '.join(TASKS)}")
    os.environ.update(NARROWER.get(args.isa, {}))
    program, rows, ran = os.path.abspath(args.program), [], set()
    with tempfile.TemporaryDirectory() as folder:
        make_data(folder)
        for name in args.tasks.split(","):
            task = copy.copy(TASKS[name])
            task.steps = args.steps or task.steps
            task.variants = [v for v in task.variants if not (args.isa and "compile" in v)]
            for layout in args.layouts.split(","):
                new, what = compare(name, task, *map(int, layout.split("x")), args, program, folder)
                rows += new
                ran.add(what)
    head = " | ".join([run([program, "--version"]).strip(), *sorted(ran), platform.platform(), f"{os.cpu_count()} cores"])
    print(table(rows, head), end="")
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"ran": head, "rows": rows}, f, indent=1)
    sys.exit(0 if all(r["same_loss"] for r in rows) else 1)


if __name__ == "__main__":
    main()
