"""The same training work in PyTorch: one workload, one layout, one JSON line on stdout from rank 0.

  one process:    train.py --task mlp --threads 2
  two, gloo/DDP:  train.py --task mlp --spawn 2
  two, mpi4py:    mpirun -np 2 python train.py --task mlp --mpi     (one flat Allreduce per step)

Data are preloaded, normalised float32 tensors; a step gathers one batch by index (no DataLoader workers), which is the fastest
way that was found. --batch is per process. `rate` is the median over equal chunks of the timed steps, in samples per second of
all processes together; warm-up steps are left out.
"""
import argparse
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import time

FASHION = "/usr/share/datasets/fashion-mnist"
TASKS = {  # batch, optimizer, learning rate
    "softmax": (256, "sgd", 0.05),
    "mlp": (128, "adam", 1e-3),
    "tabular": (4096, "adam", 1e-3),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--task", choices=TASKS, default="mlp")
    p.add_argument("--batch", type=int)
    p.add_argument("--steps", type=int, default=400)
    p.add_argument("--warmup", type=int, default=10)
    p.add_argument("--chunks", type=int, default=10)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--spawn", type=int, default=0, help="start that many gloo processes")
    p.add_argument("--mpi", action="store_true", help="under mpirun: one mpi4py Allreduce of the flat gradient")
    p.add_argument("--variant", default="default", help="of the optimizer and the model: default, foreach, fused, compile, fused+compile")
    p.add_argument("--data", default=".", help="folder of tabular_x.npy and tabular_y.npy")
    return p.parse_args()


def spawn(args):
    env = dict(os.environ, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(20000 + os.getpid() % 20000), WORLD_SIZE=str(args.spawn),
               GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS=str(args.threads))
    argv, skip = [], False
    for word in sys.argv[1:]:
        if skip or word == "--spawn":
            skip = not skip
        else:
            argv.append(word)
    processes = [subprocess.Popen([sys.executable, os.path.abspath(__file__)] + argv, env=dict(env, RANK=str(r)))
                 for r in range(args.spawn)]
    sys.exit(max(abs(p.wait()) for p in processes))


def fashion(np, name):
    with gzip.open(os.path.join(FASHION, name + ".gz"), "rb") as f:
        magic, = struct.unpack(">I", f.read(4))
        dims = struct.unpack(">" + "I" * (magic & 255), f.read(4 * (magic & 255)))
        return np.frombuffer(f.read(), dtype=np.uint8).reshape(dims)


def main():
    args = arguments()
    if args.spawn > 1:
        spawn(args)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rank, world, comm, dist = 0, 1, None, None
    if args.mpi:
        from mpi4py import MPI
        comm = MPI.COMM_WORLD
        rank, world = comm.Get_rank(), comm.Get_size()
    elif "WORLD_SIZE" in os.environ:
        import torch.distributed as dist
        rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        dist.init_process_group("gloo", rank=rank, world_size=world)

    batch, kind, lr = TASKS[args.task]
    batch = args.batch or batch
    if args.task == "tabular":
        x = torch.from_numpy(np.load(os.path.join(args.data, "tabular_x.npy")))
        y = torch.from_numpy(np.load(os.path.join(args.data, "tabular_y.npy")))
    else:
        pixels = fashion(np, "train-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255
        x = torch.from_numpy((pixels - pixels.mean()) / pixels.std())
        y = torch.from_numpy(fashion(np, "train-labels-idx1-ubyte").astype(np.int64))

    widths = {"softmax": [784, 10], "mlp": [784, 512, 512, 10], "tabular": [64, 256, 256, 1]}[args.task]
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU(inplace=True)]
    model = nn.Sequential(*layers[:-1])
    net = torch.compile(model) if "compile" in args.variant else model
    flat = None
    if dist:
        net = nn.parallel.DistributedDataParallel(net, gradient_as_bucket_view=True)
    elif comm:
        flat = torch.zeros(sum(p.numel() for p in model.parameters()))
        offset = 0
        for p in model.parameters():  # the seed made them equal; gradients are views of one vector
            p.grad = flat[offset:offset + p.numel()].view_as(p)
            offset += p.numel()

    options = {"foreach": {"foreach": True}, "fused": {"fused": True}}.get(args.variant.split("+")[0], {})
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind]
    optimizer = make(model.parameters(), lr, **options)

    per_epoch = x.shape[0] // (batch * world)
    generator = torch.Generator().manual_seed(args.seed)
    order, losses = None, []

    def step(i):
        nonlocal order
        k = i % per_epoch
        if k == 0 or order is None:
            order = torch.randperm(x.shape[0], generator=generator)
        rows = order[(k * world + rank) * batch:(k * world + rank + 1) * batch]
        xb, yb = x.index_select(0, rows), y.index_select(0, rows)
        if flat is None:
            optimizer.zero_grad(set_to_none=world == 1)
        else:
            flat.zero_()
        out = net(xb)
        loss = F.mse_loss(out, yb) if args.task == "tabular" else F.cross_entropy(out, yb)
        loss.backward()
        if flat is not None:
            comm.Allreduce(MPI.IN_PLACE, flat.numpy())
            flat.div_(world)
        optimizer.step()
        losses.append(loss.detach())

    for i in range(args.warmup):
        step(i)
    bounds = [args.warmup + args.steps * c // args.chunks for c in range(args.chunks + 1)]
    rates = []
    for a, b in zip(bounds, bounds[1:]):
        start = time.perf_counter()
        for i in range(a, b):
            step(i)
        rates.append((b - a) * batch * world / (time.perf_counter() - start))
    if rank == 0:
        tail = torch.stack(losses[-max(1, len(losses) // 10):]).mean().item()
        print(json.dumps({"version": torch.__version__, "rate": round(statistics.median(rates), 1), "loss": round(tail, 5)}), flush=True)
    if dist:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
