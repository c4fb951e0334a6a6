"""Time per step against ranks: measured on this node, and as forecast for nodes of one rank each.

usage: python3 tests/bench/ranks.py [--ranks 1,2,4,8] [--latency 5] [--bandwidth 10] [--program build/allsum]
Measured: `mpirun -np R allsum bench step --sweep batch --threads 1` (784-512-512-10, Adam; the batch is that of all ranks). More ranks
than cores take turns on them: such a row shows what a sum among ranks that wait for a core costs, not how more cores would do.
Forecast: a step of N nodes is what one rank took here for a batch of 1 / N of the samples, each size measured, its update divided by
N, and the time of the sum as `allsum explain` forecasts it (src/run/forecast.c): reading parts at the bandwidth of memory measured here,
three rounds of messages of --latency microseconds down a tree of nodes, half a microsecond of a rank for each message that it sends,
bytes by the lane tree at --bandwidth 1e9 bytes per second and node; nothing overlaps. The messages of this machine, from rank to rank
through memory, are printed beside (message_cost). Two minutes on two cores; no packages needed.
"""
import argparse
import json
import os
import tempfile

from common import launcher, run, table
from workloads import TASKS, config

BATCHES = (1024, 16384)
SAMPLES = 16  # of a lane, and the least batch of a rank


def sweep(program, ranks):
    """Rows of bench step by batch."""
    found = json.loads(run((launcher(ranks) if ranks > 1 else []) + [program, "bench", "step", "--sweep", "batch", "--threads", "1", "--json"]))
    return {int(name.split("x")[0]): row for name, row in found.items() if isinstance(row, dict)}


def show(head, rows):
    print("\n".join(table(head, rows)) + "\n", flush=True)


def cell(row):
    return f"{row['seconds_per_step'] * 1e3:.3g} ({100 * row['share_of_time']['sum']:.0f} %)" if row else ""


def measured(program, ranks):
    rows = {r: sweep(program, r) for r in ranks}
    print("Milliseconds a step, and the share of the sum in it:\n")
    show(["batch"] + [f"{r} rank{'s' if r > 1 else ''}" for r in ranks], [[str(b)] + [cell(rows[r].get(b)) for r in ranks] for b in rows[ranks[0]]])
    return rows


def forecast(program, one, batch, args, folder):
    """one: rows of one rank by batch."""
    path, lanes = os.path.join(folder, "ranks.yaml"), batch // SAMPLES
    with open(path, "w") as f:
        f.write(f"lanes: {lanes}\n" + config(TASKS["mlp b1024"], 1, 100, 1, folder))
    plan = json.loads(run([program, "explain", path, "--json", "--threads", "1", "--network-latency", args.latency, "--network-bandwidth",
                              args.bandwidth, "-s", f"train.batch={batch}"]))
    lines, largest, first = [], max(one), None
    for layout in plan["time"]["layouts"]:
        nodes = layout["nodes"]
        if nodes & (nodes - 1):
            continue
        own = batch // nodes
        row, times = one[min(own, largest)], max(1, own / largest)  # larger batches in proportion
        share, step = row["share_of_time"], row["seconds_per_step"]
        update = share["update"] * step / nodes
        compute = (1 - share["update"] - share["sum"]) * step * times
        exchange = share["sum"] * step if nodes == 1 else layout["sum"]
        total = compute + update + exchange
        first = first or total
        lines.append([str(nodes), str(own), f"{compute * 1e3:.3g}", f"{update * 1e3:.2g}", f"{exchange * 1e3:.3g}", f"{total * 1e3:.3g}",
                      f"{first / total:.4g}", f"{100 * first / total / nodes:.0f} %"])
    print(f"Batch {batch} in {lanes} lanes; milliseconds:\n")
    show(["nodes", "batch of a rank", "data, forward, backward", "update", "sum", "step", "times as fast", "efficiency"], lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ranks", default="1,2,4,8")
    p.add_argument("--latency", default="5", help="microseconds of a message between nodes")
    p.add_argument("--bandwidth", default="10", help="1e9 bytes per second of a node")
    p.add_argument("--program", default="build/allsum")
    args = p.parse_args()
    program = os.path.abspath(args.program)
    cost = os.path.join(os.path.dirname(program), "tests", "bench", "message_cost")
    rows = measured(program, [int(r) for r in args.ranks.split(",")])
    print(f"Messages between two ranks here: {run([*launcher(2), cost]).strip()}; assumed between nodes: {args.latency} us, {args.bandwidth} GB/s.\n")
    with tempfile.TemporaryDirectory() as folder:
        for batch in BATCHES:
            forecast(program, rows[min(rows)], batch, args, folder)


if __name__ == "__main__":
    main()
