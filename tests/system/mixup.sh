#!/usr/bin/env bash
# usage: mixup.sh ALLSUM SCRATCH: samples that are mixed in pairs give the same bits for any ranks, threads, and division
# of a batch; and they train.
set -u
program=$1 scratch=$2
rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
unset OMP_NUM_THREADS
failures=0
cat >mixup.yaml <<'YAML'
name: mixup
lanes: 6
data:
  train: {format: builtin, name: digits, shape: [8, 8, 1]}
  test: {format: builtin, name: digits, shape: [8, 8, 1]}
  normalize: mean_std
  augment: [{shift: 1}, {mixup: 0.4}, {noise: 0.5}]
model:
  layers: [{conv2d: {channels: 8, activation: relu}}, {dense: 10}]
  loss: cross_entropy
optimizer: {type: adam, lr: 3.0e-3}
train: {batch: 100, steps: 150}
YAML
train() { # RUN RANKS THREADS OPTIONS...
    local run=$1 ranks=$2 threads=$3 command=()
    shift 3
    [ "$ranks" -gt 1 ] && command=(timeout 60 mpirun --oversubscribe --bind-to none -np "$ranks")
    "${command[@]}" "$program" train mixup.yaml -q -o "$run" -t "$threads" "$@" >"out-$run" 2>&1 || { echo "FAILED: $run: $(tail -1 "out-$run")"; failures=$((failures + 1)); }
}
digest() { # RUN
    grep -o '"params_sha256": "[0-9a-f]*' "$1/summary.json"
}
train plain 1 1
for run in 'a 1 3' 'b 2 2' 'c 3 1' 'd 1 2 -s train.micro_batch=7' 'e 2 1 -s train.micro_batch=11'; do
    # shellcheck disable=SC2086
    train $run
    [ "$(digest plain)" = "$(digest "${run%% *}")" ] || { echo "FAILED: $run: other bits"; failures=$((failures + 1)); }
done
train none 1 1 -s 'data.augment=[{shift: 1}, {noise: 0.5}]'
[ "$(digest plain)" = "$(digest none)" ] && { echo 'FAILED: nothing is mixed'; failures=$((failures + 1)); }
grep -Eq 'test loss [0-9.]+, accuracy 0\.(8[5-9]|9)' out-plain || { echo "FAILED: $(tail -1 out-plain)"; failures=$((failures + 1)); }
[ "$failures" -eq 0 ] && echo 'all as expected'
exit "$failures"
