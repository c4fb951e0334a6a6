#!/usr/bin/env bash
# Slices too large for an eager message, between nodes: nobody waits for ever, and the bits are those of one process.
#
# usage: nodes.sh PROGRAM NODES-PROGRAM SCRATCH     (the second takes every two ranks for a node)
set -uo pipefail
allsum=$1 nodes=$2 scratch=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

wide=(train "$here/network.yaml" -q -s checkpoint.every=never -s train.steps=3
    -s 'model.layers=[{dense: {units: 2000, activation: relu}}, {dense: 500}, {dense: 10}]')
on 1 1 "${wide[@]}" -o "$scratch/one" || complain "one process: exit code $?"
reference=$(summary_text "$scratch/one" state_sha256)
[ -n "$reference" ] || complain 'one process left no state'
allsum=$nodes
for i in 1 2 3 4; do
    rm -rf "$scratch/run"
    on 4 1 "${wide[@]}" -o "$scratch/run" || complain "run $i on two nodes of two ranks: exit code $?"
    [ "$(summary_text "$scratch/run" state_sha256)" = "$reference" ] || complain "run $i: another state than one process"
done
[ $bad = 0 ] && echo 'four runs over nodes: the same bits, and none waited' && rm -rf "$scratch"
exit $bad
