#!/usr/bin/env bash
# The same diagnosis to the last byte for 1, 2 and 3 ranks, and for 2 threads.
#
# usage: ranks.sh PROGRAM SCRATCH
set -u
program=$1 scratch=$2
command -v mpirun >/dev/null || exit 77
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch" || exit 1
cat >base.yaml <<'YAML'
data: {train: {format: builtin, name: digits}, normalize: {mean: 5, std: 6}, validation: 0.2}
model: {layers: [{dense: {units: 16, activation: relu}}, {dense: 10}], loss: cross_entropy}
optimizer: {type: sgd, lr: 5}
train: {batch: 64, steps: 60}
YAML
"$program" train base.yaml -q -o run >/dev/null 2>&1 || { echo 'the run failed' && exit 1; }
"$program" diagnose run --json -t 1 >one.json || exit 1
"$program" diagnose run --json -t 2 >threads.json || exit 1
cmp one.json threads.json || { echo 'other words with two threads' && exit 1; }
for ranks in 2 3; do
    mpirun --oversubscribe --bind-to none -np "$ranks" "$program" diagnose run --json -t 1 >ranks.json || exit 1
    cmp one.json ranks.json || { echo "other words with $ranks ranks" && exit 1; }
done
grep -q '"code": "LR_TOO_HIGH"' one.json || { echo 'expected LR_TOO_HIGH' && exit 1; }
echo 'the same bytes'
