"""Puts the figures that tests/bench/all left in a folder into the tables of docs/performance.md.

usage: python3 tests/bench/page.py FOLDER [--page docs/performance.md] [--only training,goals,...]
A line of the page that begins with "*Table `NAME`" stands before each table that a program makes. The tables whose files are in FOLDER
are made anew; what the text around them says is for whoever reads it again. Prints what was made and what was left.
"""
import argparse
import glob
import json
import math
import os
import re

from common import table
from roofline import merged

TITLES = {"softmax b256": "softmax 784-10, batch 256, SGD", "mlp b128": "MLP 784-512-512-10, batch 128, Adam", "mlp b1024": "MLP, batch 1024, Adam",
          "tabular b4096": "tabular 64-256-256-1, batch 4096, Adam", "lenet b128": "LeNet, batch 128", "rescnn b128": "residual CNN, batch 128",
          "gpt b8": "GPT 4 x 256, context 256, batch 8", "wide b512": "wide 1024-4096-4096-1024, batch 512, SGD"}


class Figures:
    """Files of a folder. A method is a table, its lines; FileNotFoundError where its files are missing."""

    def __init__(self, folder):
        self.folder = folder

    def text(self, name):
        with open(os.path.join(self.folder, name)) as f:
            return f.read()

    def objects(self, name):
        """JSON objects one after the other."""
        text, found = self.text(name), []
        while text.strip():
            one, end = json.JSONDecoder().raw_decode(text.lstrip())
            found.append(one)
            text = text.lstrip()[end:]
        return found

    def made(self, name, which=0):
        """A table that is in a file as it comes."""
        return re.findall(r"(?:^\|.*\n)+", self.text(name), re.M)[which].splitlines()

    def make(self, name):
        """A table by name, or None."""
        try:
            rows = getattr(self, name)()
        except FileNotFoundError as missing:
            print(f"{name}: left: no {os.path.basename(missing.filename)}")
            return None
        print(f"{name}: {len(rows) - 2} rows")
        return rows

    def limits(self):
        one, two = (self.objects(f"gemm-{n}.json")[0] for n in (1, 2))
        rows = [["multiply-adds, GFLOP/s", f"{one['peak_gflop_per_s']:.0f}", "", "", f"{two['peak_gflop_per_s']:.0f}", "", ""]]
        for a, b in zip(one["memory"], two["memory"]):
            size = f"{a['bytes'] >> 10} KiB" if a["bytes"] < 1 << 20 else f"{a['bytes'] >> 20} MiB"
            rows.append([f"arrays of {size}, GB/s"] + [f"{x[key + '_gb_per_s']:.0f}" for x in (a, b) for key in ("read", "copy", "add")])
        return table(["", "1 thread: read", "copy", "add", "2 threads: read", "copy", "add"], rows)

    def rates(self, first):
        rows, last = [], None
        names = sorted(map(os.path.basename, glob.glob(os.path.join(self.folder, f"{first}*.json")))) or [f"{first}.json"]
        for r in merged([self.objects(name)[0] for name in names]):
            rows.append([TITLES[r["task"]] if r["task"] != last else "", f"{r['ranks']} x {r['threads']}", r["peer"], f"{r['allsum']:,.0f}",
                         f"{r['torch']:,.0f}", r["variant"], f"{r['ratio']:.2f}", f"{r['least']:.2f} - {r['most']:.2f}",
                         f"{r['loss']:.4f}, {r['torch_loss']:.4f}" + ("" if r["same_loss"] else " (not the same)")])
            last = r["task"]
        return table(["task", "processes x threads", "beside", "Allsum", "PyTorch", "its variant", "ratio", "range", "losses"], rows)

    def training(self):
        return self.rates("compare")

    def training_avx2(self):
        return self.rates("avx2-compare")

    def lanes(self):
        return self.made("lane-cost.md")

    def pairs(self, which, what, isa=""):
        one, two = (self.objects(f"onednn-{isa}{n}.json")[which]["rows"] for n in (1, 2))
        rows, logs = [], [0.0, 0.0]
        for pair in zip(one, two):
            row = [pair[0]["name"]]
            for n, r in enumerate(pair):
                row += [f"{r['ours']:.0f}", f"{r['theirs']:.0f}", f"{r['ratio']:.2f}", f"{100 * r['share_of_peak']:.0f} %"]
                logs[n] += math.log(r["ratio"]) / len(one)
            rows.append(row)
        rows.append(["geometric mean"] + [cell for mean in logs for cell in ("", "", f"{math.exp(mean):.2f}", "")])
        return table([what, "1 thread: ours", "oneDNN", "ratio", "of peak", "2 threads: ours", "oneDNN", "ratio", "of peak"], rows)

    def products(self):
        return self.pairs(0, "product")

    def convolutions(self):
        return self.pairs(1, "convolution (batch 128)")

    def avx2(self):
        """Products, then convolutions."""
        made = [self.pairs(which, "with AVX2", "avx2-") for which in (0, 1)]
        return made[0] + made[1][2:]

    def sum(self):
        def rows(name):
            return [line.split() for line in self.text(name).splitlines() if re.match(r"\s+\d", line)]

        def time(us):
            return f"{float(us) / 1000:.1f} ms" if float(us) >= 1000 else f"{us} us"

        found = []
        for pair in zip(rows("sum-2.txt"), rows("sum-4.txt")):
            size = int(pair[0][0])
            row = [f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"]
            for _, reduce, _, rate, share, theirs, ratio in pair:
                row += [f"{time(reduce)} ({float(rate):.1f} GB/s)", time(share), time(theirs), f"{float(ratio):.1f}"]
            found.append(row)
        return table(["bytes", "2 ranks: reduce", "share", "MPI_Allreduce", "ratio", "4 ranks on the 2 cores: reduce", "share", "MPI_Allreduce", "ratio"],
                     found)

    def sweep(self, axis):
        one, two = (self.objects(f"sweep-{axis}-{n}.json")[0] for n in (1, 2))
        rows = []
        for name, r in one.items():
            if isinstance(r, dict):
                share = r["share_of_time"]
                rows.append([name.split("x")[("batch", "width", "depth").index(axis)], f"{r['seconds_per_step'] * 1e3:.3g}",
                             f"{r['flops_per_second'] * 1e-9:.0f}", f"{100 * r['share_of_peak']:.0f} %",
                             ", ".join(f"{100 * share[part]:.0f}" for part in ("forward", "backward", "update")),
                             f"{two[name]['seconds_per_step'] * 1e3:.3g}"])
        return table([axis, "1 thread: ms a step", "GFLOP/s", "of peak", "forward, backward, update: %", "2 threads: ms"], rows)

    def batch(self):
        return self.sweep("batch")

    def width(self):
        return self.sweep("width")

    def depth(self):
        return self.sweep("depth")

    def ranks(self):
        return self.made("ranks.md")

    def nodes(self):
        """Both batches, one below the other."""
        small, large = self.made("ranks.md", 1), self.made("ranks.md", 2)
        head = small[0].replace("| nodes |", "| batch | nodes |")
        return [head, "| --- " + small[1], *("| 1024 " + row for row in small[2:]), *("| 16384 " + row for row in large[2:])]

    def hot(self):
        return self.made("hot.md")

    def floors(self):
        return self.made("roofline.md")

    def goals(self):
        return self.made("roofline.md", 1)

    def next(self):
        return self.made("roofline.md", 2)

    def files(self):
        return table(["", "GB/s, median", "best"], [[r["name"], f"{r['median']:.2g}", f"{r['best']:.2g}"] for r in self.objects("io.json")[0]["rows"]])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("--page", default="docs/performance.md")
    p.add_argument("--only", help="these tables")
    args = p.parse_args()
    figures, only, out, made = Figures(args.folder), args.only.split(",") if args.only else None, [], None
    with open(args.page) as f:
        page = f.read().splitlines()
    for line in page:
        start = re.match(r"\*Table `(\w+)`", line)
        if start and (only is None or start.group(1) in only):
            made = figures.make(start.group(1))
        if line.startswith("|") and made is not None:
            out += made  # in the place of the first line of the old table; the others are dropped
            made = []
            continue
        made = None if made == [] else made
        out.append(line)
    with open(args.page, "w") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
