#!/usr/bin/env bash
# usage: small_shm.sh MPIRUN SUM_LAYOUTS
# Two ranks that need 16 MiB of shared memory in a mount namespace whose /dev/shm has 12.
set -euo pipefail
mpirun=$1 program=$2

unshare -rm mount -t tmpfs -o size=12m tmpfs /dev/shm 2>/dev/null || { echo "no mount namespaces here: skipped"; exit 77; }
# shellcheck disable=SC2016
code=0
out=$(unshare -rm bash -c 'mount -t tmpfs -o size=12m tmpfs /dev/shm && exec "$@"' - \
    "$mpirun" --oversubscribe --bind-to none -np 2 "$program" size=2000000 2>&1) || code=$?
echo "$out"
[ "$code" = 71 ] || { echo "expected exit code 71, found $code"; exit 1; }
grep -q '/dev/shm has [0-9]* MiB free, but the ranks of this node need [0-9]* MiB' <<<"$out"
