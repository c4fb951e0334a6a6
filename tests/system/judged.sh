#!/usr/bin/env bash
# Intervals, calibration, conformal sets and comparisons are the same text on every layout: rows keep their order and
# their bootstrap weights whoever holds them.
#
# usage: judged.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

small=(-s 'model.layers=[{dense: {units: 10}}]' -s data.validation=0.15 -s train.batch=64 -s lanes=12 -q)
on 1 1 train "${small[@]}" -s train.epochs=2 -o "$scratch/a" || complain "a: exit code $?"
on 1 1 train "${small[@]}" -s train.epochs=3 -o "$scratch/b" || complain "b: exit code $?"
real=(-s 'data={train: {format: builtin, name: linear, samples: 500}, test: {format: builtin, name: linear, samples: 500}, validation: 0.2}')
on 1 1 train "${real[@]}" -s 'model={layers: [{dense: 1}], loss: mse}' -s 'train={batch: 32, epochs: 1}' -s lanes=12 -q -o "$scratch/c" ||
    complain "c: exit code $?"

judge() { # RANKS THREADS: everything that is said, to $scratch/said
    local run
    : >"$scratch/said"
    for run in a c; do
        on "$1" "$2" eval "$scratch/$run" --json --conformal 0.1 --bootstrap 99 || complain "$run on $1 x $2: exit code $?"
        cat "$scratch/output" >>"$scratch/said"
    done
    on "$1" "$2" eval "$scratch/a" --calibration --on validation --level 0.9 || complain "calibration on $1 x $2: exit code $?"
    cat "$scratch/output" >>"$scratch/said"
    on "$1" "$2" eval --compare "$scratch/a" "$scratch/b" --bootstrap 201 || complain "comparison on $1 x $2: exit code $?"
    cat "$scratch/output" >>"$scratch/said"
}

judge 1 1
cp "$scratch/said" "$scratch/one"
for word in '"intervals"' McNemar '"width"'; do
    grep -q "$word" "$scratch/one" || complain "$word was not said"
done
for layout in '1 2' '2 1' '3 1' '4 2'; do
    # shellcheck disable=SC2086
    judge $layout
    cmp -s "$scratch/said" "$scratch/one" || complain "$layout: another text: $(diff "$scratch/one" "$scratch/said" | head -4)"
done
[ "$bad" = 0 ] && echo 'the same intervals on every layout'
exit $bad
