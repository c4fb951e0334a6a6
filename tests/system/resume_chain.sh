#!/usr/bin/env bash
# Resume equals never stopped: chains of stops (a step limit, USR1, SIGKILL of a rank at a random moment), each continued on another
# random layout, end in the same bytes as one run without a stop.
#
# usage: resume_chain.sh PROGRAM CHAINS SEED SCRATCH
set -uo pipefail
allsum=$1 chains=$2 seed=$3 scratch=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch
echo "seed $seed"
RANDOM=$seed

# Long enough that a signal after some tenths of a second falls inside.
arguments=(train "$here/network.yaml" -s 'train.steps=1200' -s 'model.layers.0.dense.units=320' -s 'checkpoint.every=40 steps' -q)
start=$(date +%s%N)
on 1 1 "${arguments[@]}" -o "$scratch/straight" || {
    complain "the run without a stop: exit code $?"
    show_output
    exit 1
}
length=$((($(date +%s%N) - start) / 1000000)) # milliseconds
reference=$(fingerprint "$scratch/straight" final)
echo "without a stop ($length ms): $reference"

# Descendants of a process that are the program itself: the ranks.
ranks_of() {
    if [ "$(cat "/proc/$1/comm" 2>/dev/null)" = mpirun ]; then
        tr " " "\n" <"/proc/$1/task/$1/children" 2>/dev/null | grep .
    else
        echo "$1"
    fi
}

wait_gone() { # until no process works in a run directory: its lock is free
    local pid
    for pid in "$@"; do
        for _ in $(seq 100); do
            case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
            '' | Z*) break ;;
            esac
            sleep 0.05
        done
    done
}

for chain in $(seq "$chains"); do
    run=$scratch/chain history=''
    rm -rf "$run"
    for segment in $(seq 40); do
        all_ranks=(1 2 3 4 6 8)
        ranks=${all_ranks[RANDOM % 6]} threads=$((RANDOM % 2 + 1))
        delay=$(printf '%d.%03d' 0 $((RANDOM % (length < 900 ? length : 900) + 50)))
        kind=$((RANDOM % 4))
        [ "$segment" -gt 10 ] && kind=3 # then to the end
        code=0
        case $kind in
        0)
            on "$ranks" "$threads" "${arguments[@]}" -o "$run" --max-steps-this-run $((RANDOM % 400 + 1)) || code=$?
            history+=" ${ranks}x${threads}:limit=$code"
            ;;
        1 | 2)
            signal=$([ $kind = 1 ] && echo USR1 || echo KILL)
            if [ "$ranks" = 1 ]; then
                OMP_NUM_THREADS=$threads "$allsum" "${arguments[@]}" -o "$run" >"$scratch/output" 2>&1 </dev/null &
            else
                OMP_NUM_THREADS=$threads mpirun --oversubscribe --bind-to none -np "$ranks" "$allsum" "${arguments[@]}" -o "$run" >"$scratch/output" 2>&1 </dev/null &
            fi
            job=$!
            for _ in $(seq 100); do # the job must live before it can be hit
                [ -e "$run/LOCK" ] && break
                sleep 0.02
            done
            sleep "$delay"
            mapfile -t pids < <(ranks_of $job)
            if [ "$signal" = USR1 ]; then
                kill -USR1 $job 2>/dev/null
            elif [ ${#pids[@]} -gt 0 ]; then
                kill -KILL "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null
            fi
            wait $job 2>/dev/null
            code=$?
            wait_gone "${pids[@]}"
            history+=" ${ranks}x${threads}:$signal@$delay=$code"
            # a killed job continues, and so does one that was hit before it could listen
            if [ "$code" = 138 ] || { [ "$signal" = KILL ] && [ "$code" != 0 ]; }; then
                code=75
            fi
            ;;
        3)
            on "$ranks" "$threads" "${arguments[@]}" -o "$run" || code=$?
            history+=" ${ranks}x${threads}:end=$code"
            ;;
        esac
        case $code in
        0) break ;;
        75) ;;
        *)
            complain "chain $chain:$history: unexpected exit code $code"
            show_output
            break
            ;;
        esac
    done
    print=$(fingerprint "$run" final)
    if [ "$print" != "$reference" ]; then
        complain "chain $chain:$history: $print"
        diff <(without_timing "$scratch/straight/metrics.jsonl") <(without_timing "$run/metrics.jsonl") | head -n 6
        continue
    fi
    compared=0
    for file in "$scratch"/straight/checkpoints/*.h5; do # stops leave others beside those of the schedule
        [ -e "$run/checkpoints/${file##*/}" ] || continue
        cmp "$file" "$run/checkpoints/${file##*/}" || complain "chain $chain:$history: ${file##*/} differs"
        compared=$((compared + 1))
    done
    echo "chain $chain:$history: equal, $compared checkpoints too"
done
[ $bad = 0 ] && echo "$chains chains end in the bytes of the run without a stop" && rm -rf "$scratch"
exit $bad
