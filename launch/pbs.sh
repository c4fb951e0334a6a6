#!/bin/bash
# PBS: two nodes, two ranks on each. Copy, adapt the lines with ADAPT, submit with `qsub launch/pbs.sh`. The run stops with a
# checkpoint and exit code 75 before the wall time ends, and the job submits itself again to continue.
#PBS -N allsum
#PBS -l select=2:ncpus=32:mpiprocs=2:ompthreads=16
#PBS -l walltime=04:00:00
#PBS -r y

cd "$PBS_O_WORKDIR" || exit 73
# ADAPT: the command, and --max-time some minutes below the wall time
command_line=(build/allsum train configs/fashion-mlp.yaml -o runs/fashion-mlp --max-time 3h50m)

mpirun -x OMP_STACKSIZE=8M --map-by "slot:PE=$OMP_NUM_THREADS" --bind-to core "${command_line[@]}" # ADAPT for an MPI that is not Open MPI
code=$?
if [ "$code" = 75 ]; then
    qsub "$0" # ADAPT: the path of this file, where PBS runs a copy
fi
exit "$code"
