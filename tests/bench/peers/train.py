"""The same training work in PyTorch: one workload, one layout, one JSON line on stdout from rank 0.

  one process:    train.py --task mlp --threads 2
  two, gloo/DDP:  train.py --task mlp --spawn 2
  two, mpi4py:    mpirun -np 2 python train.py --task mlp --mpi     (one flat Allreduce per step)

Data are preloaded, normalised float32 tensors; a step gathers one batch by index (no DataLoader workers), which is the fastest
way that was found. --batch is per process. `rate` is the median over equal chunks of the timed steps, in samples per second of
all processes together (gpt: tokens); warm-up steps, compilation among them, are left out. `loss` is the mean over the last tenth.
--variant joins words with "+": foreach or fused (the optimizer), channels_last (images), compile (torch.compile of the model).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--task", default="mlp")
    p.add_argument("--batch", type=int)
    p.add_argument("--steps", type=int, default=400)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--chunks", type=int, default=10)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--spawn", type=int, default=0, help="start that many gloo processes")
    p.add_argument("--mpi", action="store_true", help="under mpirun: one mpi4py Allreduce of the flat gradient")
    p.add_argument("--variant", default="default")
    p.add_argument("--data", default=".", help="folder of the made-up data")
    p.add_argument("--make-data", metavar="FOLDER", help="write the made-up data there and do nothing else")
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


def batches(args, work, x, y, batch, rank, world):
    """Yields the batches of a rank for ever, each epoch in a new order."""
    import torch
    generator = torch.Generator().manual_seed(args.seed)
    if args.task == "gpt":  # windows that begin at multiples of the context
        windows = x[:(x.shape[0] - 1) // work.CONTEXT * work.CONTEXT + 1]
        x, y = windows[:-1].view(-1, work.CONTEXT), windows[1:].view(-1, work.CONTEXT)
    while True:
        order = torch.randperm(x.shape[0], generator=generator)
        for k in range(x.shape[0] // (batch * world)):
            rows = order[(k * world + rank) * batch:(k * world + rank + 1) * batch]
            yield x.index_select(0, rows), y.index_select(0, rows)


def main():
    args = arguments()
    if args.spawn > 1:
        spawn(args)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    import torch
    from torch import nn
    import work

    if args.make_data:
        work.made_up(args.make_data)
        return
    words = args.variant.split("+")
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

    batch, optimizer_class, options = work.TASKS[args.task]
    batch = args.batch or batch
    x, y = work.data(args.task, args.data)
    model = work.model(args.task)
    layout = torch.channels_last if "channels_last" in words else torch.contiguous_format
    if layout == torch.channels_last:
        model = model.to(memory_format=layout)
    net = torch.compile(model) if "compile" in words else model
    flat = None
    if dist:
        net = nn.parallel.DistributedDataParallel(net, gradient_as_bucket_view=True)
    elif comm:
        flat = torch.zeros(sum(p.numel() for p in model.parameters()))
        offset = 0
        for p in model.parameters():  # the seed made them equal; gradients are views of one vector, in the order of p (fused steps look at no strides)
            p.grad = flat.as_strided(p.size(), p.stride(), offset)
            offset += p.numel()
    optimizer = optimizer_class(model.parameters(), **options, **{word: True for word in words if word in ("foreach", "fused")})
    source, losses = batches(args, work, x, y, batch, rank, world), []

    def step():
        xb, yb = next(source)
        if layout == torch.channels_last:
            xb = xb.contiguous(memory_format=layout)
        if flat is None:
            optimizer.zero_grad(set_to_none=world == 1)
        else:
            flat.zero_()
        loss = work.loss(args.task, net(xb), yb)
        loss.backward()
        if flat is not None:
            comm.Allreduce(MPI.IN_PLACE, flat.numpy())
            flat.div_(world)
        optimizer.step()
        losses.append(loss.detach())

    for _ in range(args.warmup):
        step()
    chunks = min(args.chunks, args.steps - args.warmup)
    bounds = [args.warmup + (args.steps - args.warmup) * c // chunks for c in range(chunks + 1)]
    rates = []
    for a, b in zip(bounds, bounds[1:]):
        start = time.perf_counter()
        for _ in range(a, b):
            step()
        rates.append((b - a) * batch * world * (work.CONTEXT if args.task == "gpt" else 1) / (time.perf_counter() - start))
    tail = torch.stack(losses[-max(1, len(losses) // 10):]).mean()
    if dist:  # the mean over the processes, as the loss of a batch of both is
        dist.all_reduce(tail)
    elif comm:
        tail = torch.tensor(comm.allreduce(tail.item()))
    if rank == 0:
        blas = [line.strip(" -") for line in torch.__config__.show().splitlines() if "MKL-DNN" in line or "Math Kernel" in line]
        print(json.dumps({"version": torch.__version__, "blas": "; ".join(blas), "simd": torch.backends.cpu.get_cpu_capability(),
                          "rate": round(statistics.median(rates), 1), "loss": round(tail.item() / world, 6)}), flush=True)
    if dist:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
