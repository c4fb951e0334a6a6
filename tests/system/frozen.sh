#!/usr/bin/env bash
# What does not train is not summed and does not travel, and not a bit depends on that: frozen layers, adapters and statistics
# that stand still leave the same bytes on every layout, also on nodes that exchange messages, with instruments, with norms of
# tensors, whole tensors and averages; their parameters stay those of the start, and `explain` counts only what moves.
#
# usage: frozen.sh PROGRAM NODES-PROGRAM SCRATCH     (the second takes every two ranks for a node)
set -uo pipefail
program=$1 nodes=$2 scratch=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch
allsum=$program

layers='[{dense: {name: first, units: 70, activation: relu, freeze: true}}, {dense: {name: look, units: 60, lora: {rank: 3, alpha: 6}}},
    {batch_norm: {name: moves}}, relu, {dense: {name: still, units: 50, freeze: true}}, {batch_norm: {name: stands, freeze: true}}, {dense: {name: head, units: 10}}]'
config=(train "$here/network.yaml" -q -s "model.layers=$layers" -s train.steps=8 -s train.ema=0.9 -s train.clip_norm=1 -s checkpoint.every=4
    -s 'probe.every=4 steps' -s 'probe.pulse=2 steps')
runs=0
for options in optimizer.type=adam optimizer.type=lamb optimizer.type=muon model.l2=0.01; do
    wanted=''
    for layout in '1 1' '1 3' '2 1' '3 2' '4 1 nodes' '5 1 nodes'; do
        read -r ranks threads how <<<"$layout"
        allsum=$program
        [ -z "$how" ] || allsum=$nodes
        rm -rf "$scratch/run"
        on "$ranks" "$threads" "${config[@]}" -s "$options" -o "$scratch/run" || {
            complain "$options on $layout: exit code $?"
            show_output
            continue
        }
        found=$(fingerprint "$scratch/run")
        wanted=${wanted:-$found}
        [ "$found" = "$wanted" ] || complain "$options on $layout: $found, expected $wanted"
        runs=$((runs + 1))
    done
done

# Not one element of what is frozen has moved, and something else has. A run of no step holds what training began with.
allsum=$program
on 1 1 "${config[@]}" -s train.steps=1 -s optimizer.lr=0 -o "$scratch/start" || complain "without a step: $(show_output)"
on 1 1 info --diff "$scratch/start/final.h5" "$scratch/run/final.h5"
for name in first/weight first/bias look/weight still/weight still/bias stands/gain stands/mean; do
    grep -qE "/params/$name(\[.*)?:" "$scratch/output" && complain "$name has moved"
done
for name in look/lora_a moves/mean head/weight; do
    grep -qE "/params/$name(\[.*)?:" "$scratch/output" || complain "$name has not moved"
done

# The vector is 13 blocks of 1024; what trains are 390 adapters, 240 of a norm and 510 of the head: 3 blocks or 4.
on 1 1 explain "$here/network.yaml" --no-time --json -s "model.layers=$layers" || complain "explain: $(show_output)"
sent=$(grep -oE '"sent_bytes": *[0-9.e+]+' "$scratch/output" | sed -n 2p | sed 's/.*: *//')
parameters=$(grep -oE '"parameters": *[0-9]+' "$scratch/output" | tail -n 1 | sed 's/.*: *//')
awk "BEGIN { exit !($sent > 0 && $sent < 0.5 * 4 * $parameters) }" || complain "explain: $sent bytes sent for $parameters parameters"
[ $bad = 0 ] && echo "what is frozen stays where it is: $runs runs, the same bytes" && rm -rf "$scratch"
exit $bad
