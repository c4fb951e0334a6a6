#!/usr/bin/env bash
# What fails must not hang, and must not change results: a killed rank, a hung rank, a bad row on one rank, a run directory in use,
# a full disk.
#
# usage: failures.sh PROGRAM LAUNCHER SCRATCH
set -uo pipefail
allsum=$1 launcher=$2 scratch=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

work=(train "$here/network.yaml" -s 'train.steps=1500' -s 'model.layers.0.dense.units=320' -s 'checkpoint.every=50 steps' -q)

children_of() {
    tr ' ' '\n' <"/proc/$1/task/$1/children" 2>/dev/null | grep .
}

wait_for() { # FILE: until it is there, at most 20 s
    for _ in $(seq 400); do
        [ -e "$1" ] && return
        sleep 0.05
    done
    complain "$1 did not appear"
}

wait_for_checkpoint() {
    for _ in $(seq 400); do
        compgen -G "$1/checkpoints/step-*.h5" >/dev/null && return
        sleep 0.05
    done
    complain "no checkpoint in $1"
}

# --- a killed rank: the launcher starts the job again, and the bytes are those of a run without a failure
on 1 1 "${work[@]}" -o "$scratch/straight" || complain "the run without a failure: exit code $?"
"$launcher" -n 3 -t 1 -- "$allsum" "${work[@]}" -o "$scratch/killed" >"$scratch/launcher" 2>&1 &
job=$!
wait_for_checkpoint "$scratch/killed"
mpirun_pid=$(children_of $job | while read -r pid; do [ "$(cat "/proc/$pid/comm")" = mpirun ] && echo "$pid"; done)
victim=$(children_of "$mpirun_pid" | sed -n 2p)
kill -KILL "$victim" || complain 'the job was over before a rank could be killed'
wait $job || complain "a killed rank: the launcher ended with $?: $(tail -n 3 "$scratch/launcher")"
grep -q 'starting again' "$scratch/launcher" || complain 'the launcher did not start the job again'
[ "$(fingerprint "$scratch/killed" final)" = "$(fingerprint "$scratch/straight" final)" ] || complain 'a killed rank changed the result'
echo 'a killed rank: restarted, the same bytes'

# --- TERM at the launcher: one checkpoint, 75, and the same command continues to the same bytes
"$launcher" -n 2 -t 1 -- "$allsum" "${work[@]}" -o "$scratch/stopped" >"$scratch/launcher" 2>&1 &
job=$!
wait_for_checkpoint "$scratch/stopped"
kill -TERM $job
wait $job
code=$?
[ $code = 75 ] || complain "TERM at the launcher: exit code $code, expected 75: $(tail -n 3 "$scratch/launcher")"
[ -e "$scratch/stopped/final.h5" ] && complain 'TERM at the launcher: the run went on to its end'
on 4 1 "${work[@]}" -o "$scratch/stopped" || complain "continued after TERM: exit code $?"
[ "$(fingerprint "$scratch/stopped" final)" = "$(fingerprint "$scratch/straight" final)" ] || complain 'a stop by TERM changed the result'
echo 'TERM at the launcher: 75, continued, the same bytes'

# --- the file STOP does the same
"$allsum" "${work[@]}" -s train.steps=100000 -o "$scratch/file" >"$scratch/output" 2>&1 &
job=$!
wait_for_checkpoint "$scratch/file"
touch "$scratch/file/STOP"
wait $job
code=$?
[ $code = 75 ] || complain "touch STOP: exit code $code, expected 75"

# --- a run directory in use: refused, naming host and process
"$allsum" "${work[@]}" -s train.steps=100000 -o "$scratch/busy" >"$scratch/busy.out" 2>&1 &
job=$!
wait_for "$scratch/busy/LOCK"
code=0
on 2 1 "${work[@]}" -s train.steps=100000 -o "$scratch/busy" || code=$?
case $code in 0 | 75) complain "a run directory in use was accepted (exit code $code)" ;; esac
if ! grep -q "$job" "$scratch/output" || ! grep -q "$(uname -n)" "$scratch/output"; then
    complain "a run directory in use: the message should name host $(uname -n) and process $job"
    show_output
fi
kill -USR1 $job
wait $job
echo 'a run directory in use: refused'

# --- a hung rank: the watchdog ends the job with 74
OMP_NUM_THREADS=1 timeout 60 mpirun --oversubscribe --bind-to none -np 3 "$allsum" "${work[@]}" -s train.steps=100000 -o "$scratch/hung" --watchdog 2 >"$scratch/output" 2>&1 &
job=$!
wait_for_checkpoint "$scratch/hung"
mpirun_pid=$(children_of $job | head -n 1)
victim=$(children_of "$mpirun_pid" | sed -n 3p)
kill -STOP "$victim"
wait $job
code=$?
[ $code = 74 ] || complain "a stopped rank: exit code $code, expected 74"
grep -q 'no progress' "$scratch/output" || {
    complain 'a stopped rank: the watchdog should say why the job ends'
    show_output
}
kill -KILL "$victim" 2>/dev/null
echo 'a hung rank: ended by the watchdog'

# --- one bad value in the rows of one rank: all ranks stop with 65 and the place
{
    echo 'a,b,y'
    for i in $(seq 400); do
        echo "$i,$((i % 7)),$((i % 3))"
    done
    echo 'nan,1,2'
} >"$scratch/bad.csv"
cat >"$scratch/bad.yaml" <<END
data: {train: {format: csv, file: $scratch/bad.csv, target: y}, assign: contiguous}
model: {layers: [{dense: {units: 1}}], loss: mse}
optimizer: {type: sgd, lr: 0.0001}
train: {batch: 64, steps: 50}
END
code=0
on 3 1 train "$scratch/bad.yaml" -o "$scratch/bad" || code=$?
[ $code = 65 ] || {
    complain "a NaN in the data of one rank: exit code $code, expected 65"
    show_output
}
grep -q 'bad.csv' "$scratch/output" || complain 'a NaN in the data: the message should name the file'
echo 'a bad row on one rank: all stop'

# --- a full disk: the training goes on, the temporary file is gone, and a later checkpoint succeeds
mkdir -p "$scratch/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=12m tmpfs "$scratch/small" 2>/dev/null; then
    trap 'umount "$scratch/small"' EXIT
    on 2 1 "${work[@]}" -o "$scratch/small/run" &
    job=$!
    wait_for_checkpoint "$scratch/small/run"
    dd if=/dev/zero of="$scratch/small/filler" bs=64k >/dev/null 2>&1
    truncate -s -256K "$scratch/small/filler" # room for lines of text, not for a checkpoint
    for _ in $(seq 200); do
        grep -q 'no checkpoint at step' "$scratch/output" && break
        sleep 0.05
    done
    rm -f "$scratch/small/filler"
    wait $job || {
        complain "a full disk: exit code $?"
        show_output
    }
    grep -q 'no checkpoint at step' "$scratch/output" || complain 'a full disk: there was no warning'
    compgen -G "$scratch/small/run/checkpoints/*tmp*" >/dev/null && complain 'a full disk: a temporary file is left'
    [ "$(summary_text "$scratch/small/run" state_sha256)" = "$(summary_text "$scratch/straight" state_sha256)" ] || complain 'a full disk changed the result'
    umount "$scratch/small"
    trap - EXIT
    echo 'a full disk: the training went on'
else
    echo 'skipped: a full disk needs root and a small tmpfs'
fi

[ $bad = 0 ] && echo 'no failure hung or changed a result' && rm -rf "$scratch"
exit $bad
