"""What the lane tree, which makes the bits independent of the layout, costs of a step: `lanes: auto` against `lanes: 1`.

usage: python3 tests/bench/lane_cost.py [--tasks "softmax b256,..."] [--pairs 5] [--steps N] [--threads 1] [--program build/allsum]
For each workload of workloads.py both run in turn (auto, 1, auto, 1, ...). A row gives the lanes of `auto`, the median rate of both
and the cost: the samples per second with one lane over those with `auto`, less one, median and range over the pairs. Batch norm takes
a lane at a time, so the losses of the two are not the same; times are what is compared. The exit code is 1 when a median is above
10 %. Some five minutes; needs Python with numpy and torch for the made-up data.
"""
import argparse
import copy
import os
import statistics
import sys
import tempfile

import compare
from common import make_data
from workloads import TASKS

MOST = 0.10  # of a step


def train(program, task, lanes, steps, threads, folder):
    """As a run of compare; its rate is the median over chunks of steps."""
    task = copy.copy(task)
    task.config = f"lanes: {lanes}\n" + task.config
    return compare.allsum(program, task, steps, 1, threads, 1, folder)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tasks", default=",".join(TASKS))
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--steps", type=int, help="of a run, instead of those of the task")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--program", default="build/allsum")
    args = p.parse_args()
    if args.steps is not None and args.steps < 8:
        sys.exit(f"lane_cost: --steps: expected 8 or more (the first ones are not timed), found {args.steps}")
    program, dear = os.path.abspath(args.program), []
    print("| workload | lanes | samples/s with them | with one | cost | range |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        make_data(folder)
        for name in args.tasks.split(","):
            task = TASKS[name]
            steps, rates, lanes = args.steps or task.steps, {"auto": [], "1": []}, 0
            for _ in range(args.pairs):
                for setting in rates:
                    ran = train(program, task, setting, steps, args.threads, folder)
                    rates[setting].append(ran["rate"])
                    lanes = max(lanes, ran["lanes"])
            costs = sorted(one / auto - 1 for auto, one in zip(rates["auto"], rates["1"]))
            cost = statistics.median(costs)
            dear += [name] if cost > MOST else []
            print(f"| {name} | {lanes} | {statistics.median(rates['auto']):,.0f} | {statistics.median(rates['1']):,.0f} | "
                  f"{100 * cost:.1f} % | {100 * costs[0]:.1f} to {100 * costs[-1]:.1f} % |", flush=True)
    if dear:
        sys.exit(f"lane_cost: above {100 * MOST:.0f} % of a step: {', '.join(dear)}")


if __name__ == "__main__":
    main()
