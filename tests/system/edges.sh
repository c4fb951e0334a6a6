#!/usr/bin/env bash
# Rare data and rare commands: what a program believes only about ordinary runs shows here.
#
# usage: edges.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

# --- batches without any weight at the start of an epoch, and a stop after every step: nothing is remembered but the checkpoint
{
    echo 'a,b,y,w'
    for i in $(seq 12); do
        echo "$i,$((i % 3)),$((i % 4)),$((i == 3 || i == 9 ? 1 : 0))"
    done
} >"$scratch/weights.csv"
cat >"$scratch/weights.yaml" <<END
lanes: 2
data:
  train: {format: csv, file: $scratch/weights.csv, target: y, weight: w, labels: false}
  assign: contiguous
  shuffle: false
model: {layers: [{dense: 1}], loss: mse}
optimizer: {type: adam, lr: 0.01}
train: {batch: 1, epochs: 2}
checkpoint: {every: never}
log: {every: 1 steps, evaluate: 1 steps}
END
on 1 1 train "$scratch/weights.yaml" -o "$scratch/straight" -q || complain "weights of zero: exit code $?"
grep -q '"train_loss": null' "$scratch/straight/metrics.jsonl" || complain 'weights of zero: no batch was without weight'
for segment in $(seq 24); do
    code=0
    on $((segment % 2 + 1)) 1 train "$scratch/weights.yaml" -o "$scratch/stopped" -q --max-steps-this-run 1 || code=$?
    [ $code = 75 ] || break
done
[ "$code" = 0 ] || complain "weights of zero, stopped after every step: exit code $code"
if [ "$(fingerprint "$scratch/stopped" final)" != "$(fingerprint "$scratch/straight" final)" ]; then
    complain 'weights of zero: a stop after every step changed the result'
    diff <(without_timing "$scratch/straight/metrics.jsonl") <(without_timing "$scratch/stopped/metrics.jsonl") | head -n 4
fi
echo 'batches without weight: stopped after every step, the same bytes'

[ $bad = 0 ] && rm -rf "$scratch"
exit $bad
