#!/usr/bin/env bash
# The same bits on every layout: one state, one log of metrics, the same checkpoint files for all ranks x threads x instruction sets.
#
# usage: same_bits.sh PROGRAM [cover|full|control] SCRATCH
#   cover    a Latin square: every pair of (ranks, threads, instruction set) occurs; 18 runs for optimizers that see elements alone;
#            for those that see norms or whole tensors, and for zeros that are left out, every number of ranks once, 6 runs, and one that
#            stops and goes on
#   full     the whole product; 54 runs for each optimizer, for a network of images and for one of sequences
#   control  for a program that sums by MPI_Allreduce: succeeds only if a difference is found
set -uo pipefail
allsum=$1 mode=$2 scratch=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

all_ranks=(1 2 3 4 6 8) all_threads=(1 2 4) sets=()
for isa in avx512 avx2 portable; do
    if has_isa $isa; then
        sets+=("$isa")
    else
        echo "note: this machine cannot run $isa"
    fi
done
[ ${#sets[@]} -gt 0 ] || { echo 'FAILED: the program runs with no instruction set' && exit 1; }
[ "$mode" = control ] && all_ranks=(1 2 3) && all_threads=(1)

# Stops and continues on other layouts, against a run that never stopped.
resumes() {
    local ranks code
    rm -rf "$scratch/run"
    for ranks in 3 1 4 2; do
        code=0
        on "$ranks" 2 train "$here/$1.yaml" -s "optimizer=$2" -o "$scratch/run" -q --max-steps-this-run 7 || code=$?
        [ "$code" = 0 ] || [ "$code" = 75 ] || complain "resumed on $ranks ranks, $1, optimizer $2: exit code $code"
    done
    if [ "$code" != 0 ] || [ "$(fingerprint "$scratch/run" final)" != "$(fingerprint "$scratch/first" final)" ]; then
        complain "stopped and continued, $1, optimizer $2: differs"
    fi
}

runs=0
optimizers=('{type: sgd, lr: 0.05, momentum: 0.9}' '{type: adam, lr: 2.0e-3}' '{type: lamb, lr: 0.01, weight_decay: 0.01}'
    '{type: lars, lr: 1.0, trust: 0.02}' '{type: adafactor, lr: 0.02}' '{type: muon, lr: 2.0e-3, weight_decay: 0.01}')
networks=("${optimizers[@]/#/network }" 'zeros {type: adam, lr: 2.0e-3}')
[ "$mode" = full ] && networks+=('images {type: adam, lr: 2.0e-3}' 'sequences {type: adam, lr: 2.0e-3}')
for case in "${networks[@]}"; do
    network=${case%% *} optimizer=${case#* }
    case $case in zeros* | *lamb* | *lars* | *adafactor* | *muon*) short=yes ;; *) short=no ;; esac
    [ "$mode" = control ] && [ $short = yes ] && continue
    reference=''
    for r in "${!all_ranks[@]}"; do
        for t in "${!all_threads[@]}"; do
            for i in "${!sets[@]}"; do
                if [ "$mode" != full ] && [ $(((r + t) % ${#sets[@]})) != "$i" ]; then
                    continue
                fi
                if [ "$mode" != full ] && [ $short = yes ] && [ $((r % ${#all_threads[@]})) != "$t" ]; then
                    continue
                fi
                ranks=${all_ranks[r]} threads=${all_threads[t]}
                layout="$ranks ranks x $threads threads, ${sets[i]}, $network, optimizer $optimizer"
                rm -rf "$scratch/run"
                ALLSUM_ISA=${sets[i]} on "$ranks" "$threads" train "$here/$network.yaml" -s "optimizer=$optimizer" -o "$scratch/run" -q || {
                    complain "$layout: exit code $?"
                    show_output
                    continue
                }
                runs=$((runs + 1))
                print=$(fingerprint "$scratch/run")
                if [ -z "$reference" ]; then
                    reference=$print
                    echo "$network, $optimizer: $reference"
                    rm -rf "$scratch/first"
                    mv "$scratch/run" "$scratch/first"
                elif [ "$print" != "$reference" ]; then
                    complain "$layout differs: $print"
                    diff <(without_timing "$scratch/first/metrics.jsonl") <(without_timing "$scratch/run/metrics.jsonl") | head -n 4
                    rm -rf "$scratch/differs"
                    cp -r "$scratch/run" "$scratch/differs"
                fi
            done
        done
    done
    [ "$mode" != control ] && [ $short = yes ] && resumes "$network" "$optimizer"
done

if [ "$mode" = control ]; then
    [ $bad = 1 ] && [ -e "$scratch/differs" ] && echo 'control: the difference was found, as it must be' && exit 0
    echo 'FAILED: a program that sums by MPI_Allreduce passed: this test sees nothing'
    exit 1
fi
[ $bad = 0 ] && echo "the same bits in all $runs runs" && rm -rf "$scratch"
exit $bad
