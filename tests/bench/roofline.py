"""The roofline of the workloads of tests/bench/compare: what arithmetic and memory allow, beside what was measured and the goals.

usage: python3 tests/bench/roofline.py COMPARE.json... GEMM-1.json [GEMM-2.json ...]
COMPARE.json: tests/bench/compare --json (of several files the last one that has a row counts); GEMM-N.json: allsum bench gemm
--threads N --json, for 1 thread and for as many as the rows of the comparison use together. Prints three tables of docs/performance.md:
floors of a step on one thread, goals that are not reached and what they would take, and where the next 10 % are. Nothing is measured
here.

Counted are the multiply-adds of dense layers, convolutions (without those on padding) and attention (of pairs that are seen; backward
makes the scores anew), two flops each (the program's own count has the padding, and the scores once), and the bytes that an update
reads and writes (parameters, slots of the optimizer, gradient; not the packing). A product: forward and input gradients; a weight
gradient: over lanes. All terms count, zeros behind relu too: where they are left out a step can do better than this. The rate of bytes
is that of adding arrays of the size at hand: up to 2 MiB for a thread in its near cache, up to 32 MiB in the far one, more in memory.
"""
import json
import sys

from common import table
from workloads import TASKS

GOALS = {  # ratio over PyTorch: one process x one thread, x two, two processes beside gloo/DDP, beside mpi4py
    "softmax b256": (3, 3, 8, 3), "mlp b128": (1.6, 2, 4, 2), "mlp b1024": (1.3, 1.3, 1.6, 1.3), "tabular b4096": (1.8, 1.8, 2, 1.8),
    "lenet b128": (1.5, 1.5, 1.8, 1.5), "rescnn b128": (1.5, 1.5, 1.8, 1.5), "gpt b8": (1.6, 1.6, 1.6, 1.6),
    "wide b512": (1.15, 1.15, 1.3, 1.15)}
COLUMN = {(1, 1, "one process"): 0, (1, 2, "one process"): 1, (2, 1, "gloo/DDP"): 2, (2, 1, "mpi4py"): 3}
MIB = 1 << 20


class Work:
    """A step of one process: flops of products, of weight gradients, of attention; parameters; bytes of a parameter in an update, and
    those that it keeps."""

    def __init__(self, moved, kept):
        self.products = self.gradients = self.attention = self.parameters = 0
        self.moved, self.kept = moved, kept

    def matrix(self, terms, weights, first=False):
        """terms: multiply-adds of forward. The first layer has no input gradient."""
        self.products += (2 if first else 4) * terms
        self.gradients += 2 * terms
        self.parameters += weights
        return self

    def dense(self, rows, widths, bias=True, first=True):
        for i, (k, n) in enumerate(zip(widths, widths[1:])):
            self.matrix(rows * k * n, k * n + (n if bias else 0), first and i == 0)
        return self

    def convolution(self, rows, side, kernel, stride, k, n, bias=False, first=False):
        """side: of the input, and with the padding of kernel / 2."""
        reach = sum(0 <= o * stride + d - kernel // 2 < side for o in range(-(-side // stride)) for d in range(kernel))
        return self.matrix(rows * reach * reach * k * n, kernel * kernel * k * n + (n if bias else 0), first)

    @property
    def flops(self):
        return self.products + self.gradients + self.attention


ADAM, SGD, MOMENTUM = (28, 16), (12, 8), (20, 12)  # bytes of a parameter: moved, kept


def rescnn():
    w = Work(*MOMENTUM).convolution(128, 28, 3, 1, 1, 16, first=True)
    for side, k, n, stride in ((28, 16, 16, 1), (28, 16, 32, 2), (14, 32, 64, 2)):
        w.convolution(128, side, 3, stride, k, n).convolution(128, side // stride, 3, 1, n, n)
        if stride > 1:
            w.convolution(128, side, 1, stride, k, n)
        w.parameters += 4 * n
    w.parameters += 2 * 16
    return w.dense(128, [64, 10], first=False)


def gpt():
    rows, context, width, blocks = 8 * 256, 256, 256, 4
    w = Work(*ADAM)
    for _ in range(blocks):
        for widths in ([width, 3 * width], [width, width], [width, 4 * width, width]):
            w.dense(rows, widths, first=False)
        w.attention += rows * (context + 1) / 2 * width * 2 * (2 + 5)  # forward: scores, means; backward: scores and four gradients
        w.parameters += 4 * width
    w.parameters += 2 * width + 2 * 256 * width  # last norm; characters and positions
    return w.dense(rows, [width, 256], bias=False, first=False)


WORK = {
    "softmax b256": Work(*SGD).dense(256, [784, 10]),
    "mlp b128": Work(*ADAM).dense(128, [784, 512, 512, 10]),
    "mlp b1024": Work(*ADAM).dense(1024, [784, 512, 512, 10]),
    "tabular b4096": Work(*ADAM).dense(4096, [64, 256, 256, 1]),
    "lenet b128": Work(*MOMENTUM).convolution(128, 28, 5, 1, 1, 32, True, True).convolution(128, 14, 5, 1, 32, 64, True)
                                 .dense(128, [3136, 512, 10], first=False),
    "rescnn b128": rescnn(),
    "gpt b8": gpt(),
    "wide b512": Work(*SGD).dense(512, [1024, 4096, 4096, 1024]),
}


class Limits:
    """Of some threads: the peak in flops per second, bytes per second by size, and the best rates of our kernels."""

    def __init__(self, measured):
        self.peak = measured["peak_gflop_per_s"] * 1e9
        self.add = [level["add_gb_per_s"] * 1e9 for level in measured["memory"]]
        rows = [(r["name"], r["best"] * 1e9) for r in measured["rows"] if "zeros" not in r["name"]]
        self.product = max(rate for name, rate in rows if name.startswith("product"))
        self.gradient = max(rate for name, rate in rows if name.startswith("gradient") and not name.endswith("1 lane"))

    def bytes_time(self, work, threads):
        kept = work.parameters * work.kept / threads
        return work.parameters * work.moved / self.add[0 if kept <= 2 * MIB else 1 if kept <= 32 * MIB else 2]

    def kernels_time(self, work, times=1):
        """Every kernel at the rate of its kind's best shape."""
        return times * ((work.products + work.attention) / self.product + work.gradients / self.gradient)


def ms(seconds):
    return f"{seconds * 1e3:.3g}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"


def giga(flops):
    return f"{flops * 1e-9:.3g} G" if flops >= 1e9 else f"{flops * 1e-6:.3g} M"


def per_cent(share):
    return f"{100 * share:.0f} %"


def show(head, rows):
    print("\n".join(table(head, rows)) + "\n")


def merged(comparisons):
    """Their rows in the order of the tasks; a later one stands for an earlier one of the same kind."""
    order = {name: i for i, name in enumerate(TASKS)}
    rows = {(order[r["task"]], r["ranks"], r["threads"], r["peer"]): r for comparison in comparisons for r in comparison["rows"]}
    return [rows[key] for key in sorted(rows)]


def step(row, who):
    """Seconds of a step of all processes together."""
    task = TASKS[row["task"]]
    return row["ranks"] * task.batch * task.unit / row[who]


def floors(rows, limits):
    """One thread: flops by kind, the least times, and what was measured beside them."""
    lines, limit = [], limits[1]
    for row in (r for r in rows if (r["ranks"], r["threads"]) == (1, 1)):
        work, ours = WORK[row["task"]], step(row, "allsum")
        arithmetic, memory = work.flops / limit.peak, limit.bytes_time(work, 1)
        lines.append([row["task"], giga(work.products), giga(work.gradients), giga(work.attention) if work.attention else "", ms(arithmetic),
                      f"{work.parameters * work.moved * 1e-6:.3g} MB", ms(memory), ms(arithmetic + memory), ms(ours), per_cent(arithmetic / ours),
                      ms(step(row, "torch"))])
    show(["workload", "products", "weight gradients", "attention", "at the peak, ms", "bytes of the update", "ms", "floor", "measured",
           "of the peak", "PyTorch"], lines)


def verdict(need, limit, best):
    """need: share of the peak that the time left by the update asks for; best: what our kernels reach of it, each at the rate of its
    kind's best shape."""
    product = limit.product / limit.peak
    if need > 1:
        return "beyond the peak"
    if need > product:
        return f"beyond the best product of any shape ({per_cent(product)})"
    if need > best:
        return f"beyond these kernels ({per_cent(best)}) with all else free"
    return "within reach of these kernels: hard"


def goals(rows, limits):
    """Rows below their goal: the step that it asks for and what that leaves."""
    lines = []
    for row in rows:
        goal = GOALS[row["task"]][COLUMN[row["ranks"], row["threads"], row["peer"]]]
        if row["ratio"] >= goal:
            continue
        n, work = row["ranks"] * row["threads"], WORK[row["task"]]
        limit, asked, flops = limits[n], step(row, "torch") / goal, work.flops * row["ranks"]
        arithmetic, memory = flops / limit.peak, limit.bytes_time(work, n)
        need = arithmetic / (asked - memory) if asked > memory else float("inf")
        kernels = limit.kernels_time(work, row["ranks"])
        lines.append([f"{row['task']}, {row['ranks']} x {row['threads']}, {row['peer']}", f"{goal:g}", f"{row['ratio']:.2f}", ms(step(row, "allsum")),
                      ms(asked), ms(arithmetic), ms(memory), ms(asked - kernels - memory), per_cent(arithmetic / asked), per_cent(need),
                      verdict(need, limit, arithmetic / kernels)])
    lines = lines or [["all goals are reached"] + [""] * 10]
    show(["row", "goal", "reached", "step, ms", "asked", "at the peak", "update", "left beside our best kernels", "of the peak, whole step",
           "without the update", "so"], lines)


def next_part(rows, limits):
    """One thread: what a step of ten per cent less would take, all else as it is."""
    lines, limit = [], limits[1]
    for row in (r for r in rows if (r["ranks"], r["threads"]) == (1, 1)):
        work, ours = WORK[row["task"]], step(row, "allsum")
        kernels, memory = limit.kernels_time(work), limit.bytes_time(work, 1)
        rest, gain = ours - kernels - memory, 0.1 * ours
        faster = kernels - gain
        lines.append([row["task"], ms(ours), ms(kernels), ms(memory), ms(rest) if rest > 0 else "0", per_cent(gain / rest) if rest > gain else "more than all",
                      per_cent(work.flops / limit.peak / faster) if faster > 0 else "more than the peak"])
    show(["workload", "step, ms", "our kernels at their best shapes", "update", "the rest", "10 % is this much of the rest",
           "or kernels at this share of the peak"], lines)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    found, limits = [], {}
    for path in sys.argv[1:]:
        with open(path) as f:
            one = json.load(f)
        if "memory" in one:
            limits[one["threads"]] = Limits(one)
        else:
            found.append(one)
    rows = merged(found)
    missing = sorted({1, *(r["ranks"] * r["threads"] for r in rows)} - limits.keys())
    if missing:
        sys.exit(f"roofline: no limits of {', '.join(map(str, missing))} threads: allsum bench gemm --threads N --json")
    for n, limit in sorted(limits.items()):
        print(f"{n} thread{'s' if n > 1 else ''}: peak {limit.peak * 1e-9:.0f} GFLOP/s; best product {per_cent(limit.product / limit.peak)} of it, best weight "
              f"gradient over lanes {per_cent(limit.gradient / limit.peak)}; bytes at {', '.join(f'{rate * 1e-9:.0f}' for rate in limit.add)} GB/s "
              "(near cache, far cache, memory)")
    print()
    floors(rows, limits)
    goals(rows, limits)
    next_part(rows, limits)


if __name__ == "__main__":
    main()
