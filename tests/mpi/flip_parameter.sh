#!/usr/bin/env bash
# usage: flip_parameter.sh MPIRUN ALLSUM ALLSUM_FLIP SCRATCH
# A bit that turns over in the parameters of one node ends the run with code 70, and diagnose names it.
set -u
mpirun=$1 allsum=$2 flip=$3 scratch=$4
rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch" || exit 1
set -- train -o run -q -s lanes=24 -s 'model.layers=[{dense: 40}, relu, {dense: 10}]' -s 'train={batch: 96, steps: 30}' \
    -s 'log.evaluate=10 steps' -s data.validation=0.1
"$mpirun" --oversubscribe --bind-to none -np 4 "$flip" "$@" >out 2>&1
code=$?
[ "$code" = 70 ] || { cat out; echo "expected exit code 70, found $code"; exit 1; }
grep -q 'step 20: ranks have different parameters: those of the node of rank 2' out || { cat out; echo 'no word of it'; exit 1; }
"$allsum" diagnose run >verdict || exit 1
grep -q '^fault RANKS_DIVERGED' verdict || { cat verdict; echo 'no RANKS_DIVERGED'; exit 1; }
echo 'a flipped bit is noticed, and named'
