#!/usr/bin/env bash
# Runs that go on with keys that were allowed to change, and evaluations at the times that the configuration names.
#
# usage: changes.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

# 1,438 rows: 12 batches of 128 an epoch, 3 of 512. The rate is constant, so that a longer run begins like a shorter one.
small=(-s 'model.layers=[{dense: {units: 10}}]' -s 'schedule={type: constant}' -s lanes=8 -s train.batch=128 -s checkpoint.every=never -q)

train() { # RUN ARGUMENTS...
    local run=$1
    shift
    on 1 1 train "${small[@]}" -o "$scratch/$run" "$@"
}

wants() { # RUN KEY VALUE: of its summary
    local found
    found=$(summary_text "$scratch/$1" "$2")
    [ "$found" = "$3" ] || complain "$1: $2 is $found, expected $3"
}

# A finished run that is given more epochs ends as one that had them from the beginning.
train whole -s train.epochs=4 || complain "whole: exit code $?"
train longer -s train.epochs=2 || complain "longer: exit code $?"
train longer -s train.epochs=4 && complain 'longer: another number of epochs was accepted unasked'
train longer -s train.epochs=4 --allow-change train.epochs || complain "longer, continued: exit code $?"
wants longer steps 48
wants longer state_sha256 "$(summary_text "$scratch/whole" state_sha256)"

# One that stopped early stays stopped.
early=(-s data.validation=0.2 -s train.patience=1 -s train.min_delta=1000 -s train.epochs=9)
train early "${early[@]}" || complain "early: exit code $?"
steps=$(summary_text "$scratch/early" steps)
train early "${early[@]}" --allow-change optimizer.lr -s optimizer.lr=0.5 || complain "early, continued: exit code $?"
wants early steps "$steps"
[ "$steps" -lt 50 ] || complain "early: no early stop before step $steps"

# Larger batches make the epoch shorter than the place in it: the next epoch begins, and no step is without samples.
train larger -s train.epochs=3 -s 'log.every=1 steps' --max-steps-this-run 7
train larger -s train.epochs=3 -s 'log.every=1 steps' -s train.batch=512 --allow-change train.batch || complain "larger: exit code $?"
grep -q '"samples": *0[,}]' "$scratch/larger/metrics.jsonl" && complain 'larger: a step without samples'
wants larger steps 9

# Evaluations: every second epoch, every fifth of 36 steps, at the end alone.
for case in '2 epochs:2' '5 steps:8' 'never:1' '1 epochs:4'; do
    rm -rf "$scratch/evaluated"
    train evaluated -s data.validation=0.2 -s train.epochs=4 -s "log.evaluate=${case%:*}" || complain "evaluate ${case%:*}: exit code $?"
    found=$(grep -c '"kind": *"evaluation"' "$scratch/evaluated/metrics.jsonl")
    [ "$found" = "${case#*:}" ] || complain "evaluate ${case%:*}: $found evaluations, expected ${case#*:}"
    [ "$(summary_text "$scratch/evaluated" train_loss)" != null ] || complain "evaluate ${case%:*}: no training loss"
done

[ "$bad" = 0 ] && echo 'changed runs go on, and evaluations come when they are asked for'
exit $bad
