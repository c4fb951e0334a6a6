"""The hottest places of each workload of tests/bench/compare: perf's samples of one training process by function.

usage: python3 tests/bench/hot.py [--tasks "softmax b256,..."] [--threads 1] [--top 6] [--program build/allsum]
Needs perf, and Python with numpy and torch for the made-up data (as tests/bench/compare). Functions that the compiler merged into
their callers count as those; names of kernels end in their variant. Prints the rows of a table of docs/performance.md.
"""
import argparse
import os
import re
import subprocess
import tempfile

from common import make_data
from workloads import TASKS, config


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tasks", default=",".join(TASKS))
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--top", type=int, default=6)
    p.add_argument("--program", default="build/allsum")
    args = p.parse_args()
    program = os.path.abspath(args.program)
    print("| workload | hottest |\n| --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        make_data(folder)
        for name in args.tasks.split(","):
            task = TASKS[name]
            path, data = os.path.join(folder, "hot.yaml"), os.path.join(folder, "perf.data")
            with open(path, "w") as f:
                f.write(config(task, 1, 3 * task.steps, 1, folder))
            subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "999", "-o", data, program, "train", path, "-q", "--threads",
                            str(args.threads), "-o", os.path.join(folder, "run-" + name.replace(" ", "-"))], check=True, capture_output=True)
            report = subprocess.run(["perf", "report", "-i", data, "--stdio", "--sort", "dso,symbol"],
                                    check=True, capture_output=True, text=True).stdout
            found = re.findall(r"^\s+([\d.]+)%\s+(\S+)\s+\[[.k]\]\s+(\S+)", report, re.M)
            found = sorted(found, key=lambda row: -float(row[0]))[:args.top]
            found = [(share, f"`{symbol}`" if not symbol.startswith("0x") else f"a function of {where}") for share, where, symbol in found]
            print(f"| {name} | " + ", ".join(f"{symbol} {float(share):.0f} %" for share, symbol in found) + " |", flush=True)


if __name__ == "__main__":
    main()
