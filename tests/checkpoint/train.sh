#!/usr/bin/env bash
# usage: train.sh ALLSUM FAULTSHIM SCRATCH: whole trainings whose checkpoints fail or are damaged end with the same bytes.
set -euo pipefail
allsum=$1 shim=$2 scratch=$3/train
rm -rf "$scratch"
mkdir -p "$scratch"
common=(--set train.steps=40 --set train.batch=64 --set 'checkpoint.every=8 steps' --set checkpoint.keep=3 -q)

train() { # directory, then a command before the program
    local dir=$1
    shift
    env "$@" "$allsum" train -o "$scratch/$dir" "${common[@]}" 2>"$scratch/$dir.err" >/dev/null
}

ranks() { # the same on two ranks
    local dir=$1
    shift
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 timeout 90 \
        mpirun --oversubscribe --bind-to none -np 2 env "$@" "$allsum" train -o "$scratch/$dir" "${common[@]}" \
        2>"$scratch/$dir.err" >/dev/null
}

same() {
    cmp "$scratch/clean/final.h5" "$scratch/$1/final.h5" || { echo "$1: other final bytes" && exit 1; }
    [ -z "$(find "$scratch/$1" -name '.tmp-*')" ] || { echo "$1: a temporary file is left" && exit 1; }
}

train clean A=1
[ "$(find "$scratch/clean/checkpoints" -name 'step-*.h5' | wc -l)" = 3 ] || { echo 'three checkpoints expected' && exit 1; }

# Every save fails (28: no space left on device; 5: input/output error): a warning each, and the training ends as if nothing were.
for fault in fallocate:1:1000000:28 fsync:1:1000000:5 rename:1:1000000:28 pwrite:7:1000000:5; do
    name=${fault//:/-}
    train "$name" FAULTSHIM="checkpoints/:$fault" LD_PRELOAD="$shim"
    grep -q 'no checkpoint at step' "$scratch/$name.err" || { echo "$name: no warning" && cat "$scratch/$name.err" && exit 1; }
    same "$name"
done
# One call fails: the other saves are good.
train once FAULTSHIM='checkpoints/:fsync:2:1:28' LD_PRELOAD="$shim"
same once
[ "$(find "$scratch/once/checkpoints" -name 'step-*.h5' | wc -l)" = 3 ] || { echo 'once: three checkpoints expected' && exit 1; }
ranks two FAULTSHIM='checkpoints/:fsync:1:1000000:28' LD_PRELOAD="$shim"
same two

# The newest checkpoint is damaged, the next one cut short: the third is used, and the end is the same. A line of metrics that broke
# off is written anew.
cp -r "$scratch/clean" "$scratch/damaged"
rm "$scratch/damaged/final.h5"
printf '\1' | dd of="$scratch/damaged/checkpoints/step-000000000040.h5" bs=1 seek=3000 conv=notrunc status=none
truncate -s 5000 "$scratch/damaged/checkpoints/step-000000000032.h5"
: >"$scratch/damaged/checkpoints/.tmp-step-000000000048.h5.1"
head -n 1 "$scratch/clean/metrics.jsonl" | head -c -40 >"$scratch/damaged/metrics.jsonl"
train damaged A=1
for want in 'step-000000000040.h5: bytes 0 to' 'step-000000000032.h5: truncated' 'left by a writer that died'; do
    grep -qF "$want" "$scratch/damaged.err" "$scratch/damaged/log.txt" || { echo "damaged: not said: $want" && cat "$scratch/damaged.err" && exit 1; }
done
same damaged
grep -vn '}$' "$scratch/damaged/metrics.jsonl" && echo 'damaged: a broken line of metrics is left' && exit 1
# No checkpoint is valid: the run says so and begins anew.
cp -r "$scratch/clean" "$scratch/anew"
rm "$scratch/anew/final.h5"
truncate -s 4000 "$scratch"/anew/checkpoints/step-*.h5
train anew A=1
grep -q 'no checkpoint of this run is valid: it begins anew, at step 0' "$scratch/anew.err" || { cat "$scratch/anew.err" && exit 1; }
same anew
# Killed at the n-th file-system call of its checkpoints, continued, killed again, and so on: what is there is always valid.
kills=0
for n in 1 2 3 5 8 11 13 14 15 16 17 18 19 21 24 27 31 37 44 58; do
    rm -rf "$scratch/killed"
    if train killed FAULTSHIM="checkpoints/:any:$n:1:kill" LD_PRELOAD="$shim"; then
        echo "call $n never came: this test kills nothing" && exit 1
    fi
    if [ -n "$(find "$scratch/killed/checkpoints" -name 'step-*.h5' 2>/dev/null)" ]; then
        "$allsum" verify "$scratch/killed" >/dev/null || { echo "killed at call $n: an invalid checkpoint is left" && exit 1; }
    fi
    train killed FAULTSHIM="checkpoints/:any:$((n + 7)):1:kill" LD_PRELOAD="$shim" || kills=$((kills + 1))
    train killed A=1 || { echo "killed at call $n: cannot continue" && cat "$scratch/killed.err" && exit 1; }
    same killed
    kills=$((kills + 1))
done
echo "$kills kills inside a commit"
echo 'failed saves and damaged files leave the same final bytes'
