"""What the programs of this folder share: running others, data that are made up, tables of docs/performance.md."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, threads=1):
    """What it prints. Errors: RuntimeError with its last line."""
    # OPENBLAS_CORETYPE matters to builds of torch on OpenBLAS alone: older ones take this kind of processor for an ancient one
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_CORETYPE="SkylakeX")
    if os.getuid() == 0:
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise RuntimeError(f"exit code {done.returncode}: {last[0] if last else ''}")
    return done.stdout


def launcher(ranks, threads=1):
    """Ranks of one thread have a core each where there are enough; else the system places them."""
    enough = ranks * threads <= (os.cpu_count() or 1)
    return ["mpirun", *([] if enough else ["--oversubscribe"]), "--bind-to", "core" if threads == 1 and enough else "none", "-np", str(ranks)]


def make_data(folder):
    """The arrays and texts that workloads.py reads, there (@)."""
    run([sys.executable, os.path.join(HERE, "peers", "train.py"), "--make-data", folder])


def table(head, rows):
    """Its lines in Markdown; cells are texts."""
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
