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

# --- a run from a checkpoint file: stopped, the same command continues it; going back among newer checkpoints is refused
cat >"$scratch/back.yaml" <<END
data: {train: {format: builtin, name: digits}}
model: {layers: [{dense: 10}], loss: cross_entropy}
train: {batch: 64, steps: 60}
checkpoint: {every: 5 steps, keep: 2}
END
old=$scratch/line/checkpoints/step-000000000010.h5
on 1 1 train "$scratch/back.yaml" -o "$scratch/line" -q --max-steps-this-run 10
cp "$old" "$scratch/old.h5"
on 2 1 train "$scratch/back.yaml" -o "$scratch/line" -q || complain "a run of 60 steps: exit code $?"
fork=(train "$scratch/back.yaml" -o "$scratch/fork" -s optimizer.lr=0.01 --resume "$scratch/old.h5" --allow-change optimizer.lr)
for ranks in 1 2 3; do # 10 to 30, 30 to 50, 50 to 60
    code=0
    on $ranks 1 "${fork[@]}" --max-steps-this-run 20 || code=$?
    [ $code = $((ranks < 3 ? 75 : 0)) ] || {
        complain "a run from a checkpoint file, part $ranks: exit code $code"
        show_output
    }
done
[ "$(summary_text "$scratch/fork" steps)" = 60 ] || complain 'a run from a checkpoint file, stopped: the same command did not continue it'
before=$(fingerprint "$scratch/line")
code=0
on 2 1 train "$scratch/back.yaml" -o "$scratch/line" -s optimizer.lr=0.01 --resume "$scratch/old.h5" --allow-change optimizer.lr || code=$?
[ $code = 73 ] || complain "going back among newer checkpoints: exit code $code, expected 73"
grep -q 'has come further than .*old.h5; to go back to it, give another directory' "$scratch/output" || {
    complain 'going back among newer checkpoints: the message should say how'
    show_output
}
[ "$(fingerprint "$scratch/line")" = "$before" ] || complain 'going back among newer checkpoints changed the directory'
echo 'a run from a checkpoint file: continued by the same command; no way back over newer checkpoints'

# --- a sample of one rank that overflows at step 6: all ranks end with one code and name it, and the last checkpoint is good
{
    echo 'a,b,y'
    for i in $(seq 0 599); do
        [ "$i" = 560 ] && echo '3e38,3e38,1' || echo "$((i % 7)),$((i % 5)),$((i % 3))"
    done
} >"$scratch/overflow.csv"
cat >"$scratch/overflow.yaml" <<END
lanes: 6
data: {train: {format: csv, file: $scratch/overflow.csv, target: y, labels: false}, assign: contiguous, shuffle: false}
model: {layers: [{dense: {units: 5, activation: relu, init: ones}}, {dense: 1}], loss: mse}
optimizer: {type: adam, lr: 0.01}
train: {batch: 60, steps: 20}
checkpoint: {every: 2 steps, keep: 2}
END
kept=''
for ranks in 1 3 6; do
    for start in first again; do
        code=0
        on $ranks 1 train "$scratch/overflow.yaml" -o "$scratch/overflow-$ranks" -q || code=$?
        [ $code = 3 ] || complain "an overflow on $ranks ranks, $start: exit code $code, expected 3"
        grep -q 'step 6: loss is .*not finite first in dense_1, for sample 560; last good checkpoint: .*-000000000006.h5' "$scratch/output" || {
            complain "an overflow on $ranks ranks, $start: the message should name the sample and the checkpoint"
            show_output
        }
    done
    on 1 1 verify "$scratch/overflow-$ranks" || complain "an overflow on $ranks ranks: a bad checkpoint is left"
    files=$(cd "$scratch/overflow-$ranks/checkpoints" && sha256sum -- * | hash_of)
    [ "${kept:=$files}" = "$files" ] || complain "an overflow on $ranks ranks: other checkpoints than on one"
done
echo 'an overflow on one rank: all name the sample, and the checkpoints are good'

# --- a validation loss that is no number at first: the first one that is a number is better
{
    echo 'a,b,y'
    for i in $(seq 0 9); do # row 7 is the one that is held out
        [ "$i" = 7 ] && echo '3e38,3e38,1' || echo "0,0,$((i % 2))"
    done
} >"$scratch/nan.csv"
cat >"$scratch/nan.yaml" <<END
lanes: 2
data: {train: {format: csv, file: $scratch/nan.csv, target: y}, validation: 0.1}
model: {layers: [{dense: {units: 2, init: uniform, init_scale: 100, bias: false}}], loss: cross_entropy}
optimizer: {type: sgd, lr: 1, weight_decay: 0.9}
train: {batch: full, steps: 5}
log: {evaluate: 1 steps}
END
on 1 1 train "$scratch/nan.yaml" -o "$scratch/nan" -q || complain "a validation loss that is no number: exit code $?"
grep -q '"step": 1, .*"validation": {"loss": null' "$scratch/nan/metrics.jsonl" || complain 'the first validation loss should be no number'
"$allsum" info "$scratch/nan/best.h5" | grep -q ' step 2,' || complain 'a validation loss that is no number stayed the best'
echo 'a validation loss that is no number: the next is better'

# --- ranks that were given different things: refused by all
mixed() { # CODE WORDS SHELL-COMMAND: rank 1 runs the command first
    local code=0 command="[ \"\$OMPI_COMM_WORLD_RANK\" != 1 ] || { $3; }; exec \"$allsum\" train \"\$config\" -q -o \"$scratch/mixed\" \$more"
    config=$scratch/back.yaml more='' timeout 60 mpirun --oversubscribe --bind-to none -np 3 sh -c "$command" >"$scratch/output" 2>&1 </dev/null || code=$?
    if [ $code != "$1" ] || ! grep -q "$2" "$scratch/output"; then
        complain "rank 1 with '$3': exit code $code, expected $1 and '$2'"
        show_output
    fi
}
sed 's/batch: 64/batch: 65/' "$scratch/back.yaml" >"$scratch/other.yaml"
mixed 78 'rank 1 .* configuration is another one' "config=$scratch/other.yaml"
mixed 64 'rank 1 .*--max-steps-this-run' 'more="--max-steps-this-run 1"'
has_isa avx2 && ALLSUM_ISA=avx2 mixed 78 'rank 1 .*instruction set portable, but avx2 on rank 0' 'export ALLSUM_ISA=portable'
echo 'ranks that were given different things: refused'

[ $bad = 0 ] && rm -rf "$scratch"
exit $bad
