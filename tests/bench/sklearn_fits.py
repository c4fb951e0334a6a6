"""Statistical models beside scikit-learn and statsmodels on the same data: seconds of fitting and what the results differ by.

usage: python3 tests/bench/sklearn_fits.py [--only gaussian_nb,kmeans] [--shapes tall,small,wide] [--threads 1,2]
           [--repeats 3] [--rows 200000] [--program build/allsum] [--python PYTHON] [--markdown]
       python3 tests/bench/sklearn_fits.py --growth [--repeats 3]
           how our own time grows with rows, columns and ranks; one thread each
       python3 tests/bench/sklearn_fits.py --list
Needs Python with numpy, h5py, scikit-learn and statsmodels for the data and the other side. A kind is a function of rows and
columns in sklearn_models.py: it makes data, the model section of a configuration, and code that fits the same model there.
Shapes: tall (--rows), small (1000 x 10) and wide (2000 columns). Both sides hold the data in memory before the clock starts,
take the same start and stop by the same rule where there is one; they run in turns, and the least of the repetitions counts.
`differs` is the largest difference between the estimates of both, relative to the largest of them.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sklearn_models import KINDS, Row, clusters  # noqa: E402


def ours(program, folder, row, threads, ranks=1):
    """Seconds of fitting without reading the file; passes; the most resident memory of a process in MB."""
    config, run = os.path.join(folder, "fit.yaml"), os.path.join(folder, "run")
    label = "" if row.y is None else f", y: {folder}/y.npy"
    with open(config, "w") as f:
        f.write(f"data:\n  train: {{format: npy, x: {folder}/x.npy{label}}}\n  assign: contiguous\nmodel: {row.model}\n")
        f.write("log: {every: 1000000 steps}\n" + (f"train: {{steps: {row.steps}}}\n" if row.steps else ""))
    subprocess.run(["rm", "-rf", run], check=True)
    launch = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks)] if ranks > 1 else []
    done = subprocess.run(launch + [program, "train", config, "-q", "--threads", str(threads), "-o", run], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{row.model[:60]}: {done.stderr}")
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
    last = [line for line in lines if line["kind"] == "step"][-1]
    memory = json.load(open(os.path.join(run, "summary.json")))["peak_rss_bytes"]
    return sum(last["timing"][part] for part in ("forward", "sum", "update")), last["step"], memory / 2**20


PEER = """
import sys, time, resource, warnings, numpy as np
warnings.simplefilter('ignore')
x = np.load(FOLDER + '/x.npy')
y = np.load(FOLDER + '/y.npy') if LABELS else None
exec(CODE)
seconds = []
while len(seconds) < 20 and (not seconds or sum(seconds) < 0.1):
    t = time.perf_counter(); m = fit(); seconds.append(time.perf_counter() - t)
np.savez(FOLDER + '/peer.npz', **{str(i): np.asarray(eval(e)) for i, e in enumerate(SAME)})
print(min(seconds), int(np.max(getattr(m, 'n_iter_', 1) if getattr(m, 'n_iter_', 1) is not None else 1)),
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peer(python, folder, row, threads):
    start = f"FOLDER = {folder!r}; LABELS = {row.y is not None}; CODE = {row.peer!r}; SAME = {list(row.same.values())!r}\n"
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    cores = ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[:threads])
    run = subprocess.run(["taskset", "-c", cores, python, "-"], input=start + PEER, capture_output=True, text=True, env=env)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    out = run.stdout.split()
    return float(out[0]), int(out[1]), float(out[2])


def difference(folder, row):
    """The largest difference of what both have estimated, relative to the largest estimate of its kind; None: nothing to compare."""
    import h5py
    worst = None
    with h5py.File(os.path.join(folder, "run", "final.h5")) as mine, np.load(os.path.join(folder, "peer.npz")) as theirs:
        for i, name in enumerate(row.same):
            a, b = np.ravel(mine[name][()]), np.ravel(theirs[str(i)])
            if a.shape != b.shape:
                raise RuntimeError(f"{name}: {a.shape} here, {b.shape} there")
            one = float(np.max(np.abs(a - b)) / (np.max(np.abs(b)) or 1))
            worst = one if worst is None else max(worst, one)
    return worst


GROWTH = {"ols": "{type: ols, robust: false}", "pca": "{type: pca}", "gaussian_nb": "{type: gaussian_nb}",
          "kmeans": "{type: kmeans, n_clusters: 8, max_iter: 5}"}


def growth(args, program):
    """Seconds of fitting for rows x columns x ranks; the least of the repetitions."""
    print(f"{'fit':<14}{'rows':>10}{'columns':>9}{'ranks':>7}{'s':>10}")
    cases = [(n, 100, 1) for n in (125000, 250000, 500000, 1000000)] + [(250000, d, 1) for d in (25, 50, 200)] + [(1000000, 100, 2)]
    with tempfile.TemporaryDirectory() as folder:
        for rows, columns, ranks in cases:
            x, label, _ = clusters(rows, columns, 8, 3)
            np.save(os.path.join(folder, "x.npy"), x)
            for name, model in GROWTH.items():
                y = label if name == "gaussian_nb" else x[:, 0] + 0.1 * label if name == "ols" else None
                if y is not None:
                    np.save(os.path.join(folder, "y.npy"), y)
                seconds = min(ours(program, folder, Row(x, y, model, "", ""), 1, ranks)[0] for _ in range(args.repeats))
                print(f"{name:<14}{rows:>10}{columns:>9}{ranks:>7}{seconds:>10.3f}", flush=True)


def measure(args, program, name, shape, row, folder):
    np.save(os.path.join(folder, "x.npy"), row.x)
    if row.y is not None:
        np.save(os.path.join(folder, "y.npy"), row.y)
    for threads in map(int, args.threads.split(",")):
        a, b = [], []
        for _ in range(args.repeats):
            a.append(ours(program, folder, row, threads))
            b.append(peer(args.python, folder, row, threads))
        (ta, na, ma), (tb, nb, mb) = min(a), min(b)
        differs = difference(folder, row)
        size = f"{row.x.shape[0]} x {row.x.shape[1]}"
        words = "" if differs is None else f"{differs:.0e}"
        if args.markdown:
            print(f"| {name} | {row.note} | {size} | {threads} | {ta:.4f} ({na}) | {tb:.4f} ({nb}) | {tb / ta:.1f} | {ma:.0f}, {mb:.0f} | {words} |",
                  flush=True)
        else:
            print(f"{name:<20}{size:>15}{threads:>4}{ta:>10.4f}{na:>5}{tb:>11.4f}{nb:>6}{tb / ta:>8.1f}{ma:>8.0f}{mb:>7.0f}{words:>8}  {row.note}",
                  flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="")
    p.add_argument("--shapes", default="tall,small,wide")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--rows", type=int, default=200000)
    p.add_argument("--program", default="build/allsum")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--markdown", action="store_true")
    p.add_argument("--growth", action="store_true")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    program = os.path.abspath(args.program)
    if args.growth:
        growth(args, program)
        return
    if args.list:
        print("\n".join(KINDS))
        return
    if args.markdown:
        print("| fit | beside | rows x columns | threads | here, s (passes) | there, s (passes) | ratio | MB here, there | differs |\n"
              "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    else:
        print(f"{'fit':<20}{'size':>15}{'thr':>4}{'allsum s':>10}{'':>5}{'peer s':>11}{'':>6}{'ratio':>8}{'MB':>8}{'MB':>7}{'differs':>8}  beside")
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, shapes) in KINDS.items():
            if args.only and name not in args.only.split(","):
                continue
            for shape in args.shapes.split(","):
                if shape in shapes:
                    rows, columns = (args.rows, shapes["tall"]) if shape == "tall" else shapes[shape]
                    measure(args, program, name, shape, make(rows, columns), folder)


if __name__ == "__main__":
    main()
