#!/usr/bin/env bash
# usage: ranks.sh PROGRAM SCRATCH write|faults|state|full
# Writing by several ranks: the same bytes for every number of ranks; faults; a file system that is full.
set -euo pipefail
program=$1 scratch=$2/ranks-$3 mode=$3

run() { # number of ranks, arguments of the program
    local n=$1
    shift
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 \
        timeout 90 mpirun --oversubscribe --bind-to none -np "$n" "$program" "$@"
}

rm -rf "$scratch"
mkdir -p "$scratch"
case $mode in
write)
    "$program" write "$scratch"
    for n in 2 3 5; do
        run "$n" write "$scratch"
        cmp "$scratch/by-1.h5" "$scratch/by-$n.h5"
    done
    echo "the same bytes by 1, 2, 3 and 5 ranks: $(sha256sum <"$scratch/by-1.h5")"
    ;;
faults)
    run 2 faults "$scratch"
    ;;
state)
    "$program" state "$scratch"
    for n in 2 3 5 12; do
        rm -rf "$scratch/checkpoints"
        run "$n" state "$scratch"
        cmp "$scratch/state-1.h5" "$scratch/state-$n.h5"
    done
    echo "the same checkpoint by 1, 2, 3, 5 and 12 ranks, loaded by each: $(sha256sum <"$scratch/state-1.h5")"
    ;;
full)
    if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=256k allsum-test "$scratch" 2>/dev/null; then
        echo "skipped: this needs the right to mount a small file system"
        exit 77
    fi
    trap 'umount "$scratch"' EXIT
    "$program" full "$scratch"
    run 2 full "$scratch"
    ;;
esac
