#!/usr/bin/env bash
# Working on few rows at a time never changes a bit: one state for every micro_batch, number of lanes by number of lanes, with
# clipping, penalties, averaged weights and a frozen layer, on one rank and on several.
#
# usage: micro_batch.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

options=(-s model.l2=0.01 -s model.l1=1.0e-4 -s train.clip_norm=0.5 -s train.ema=0.9 -s checkpoint.every=never -s train.steps=12
    -s 'model.layers=[{dense: {units: 33, activation: tanh}}, {dense: {units: 20, activation: gelu, freeze: true}}, {dense: {units: 10}}]')
runs=0
for lanes in 5 24; do
    reference=''
    for layout in '1 1 0' '1 2 0' '3 1 0' '1 1 1' '1 2 3' '2 1 8' '4 1 2' '1 1 19' '1 2 1000'; do
        read -r ranks threads micro <<<"$layout"
        rm -rf "$scratch/run"
        on "$ranks" "$threads" train "$here/network.yaml" "${options[@]}" -s lanes=$lanes -s "train.micro_batch=$micro" -o "$scratch/run" -q || {
            complain "lanes $lanes, $ranks ranks x $threads threads, micro_batch $micro: exit code $?"
            show_output
            continue
        }
        runs=$((runs + 1))
        state=$(summary_text "$scratch/run" state_sha256)
        reference=${reference:-$state}
        if [ -z "$state" ] || [ "$state" != "$reference" ]; then
            complain "lanes $lanes, $ranks ranks x $threads threads, micro_batch $micro: another state"
        fi
    done
    [ "$reference" != "${other:-}" ] || complain "lanes 5 and 24 give the same state: this test sees nothing"
    other=$reference
done
[ $bad = 0 ] && echo "one state for every micro_batch in all $runs runs" && rm -rf "$scratch"
exit $bad
