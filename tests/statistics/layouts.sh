#!/usr/bin/env bash
# Statistical models: the same state and the same metrics for every layout, and after stops in the middle; and, but for
# rounding, the same losses in one lane, where nothing is merged. That every kind has a configuration here is a rule
# (tests/rules/rows.sh).
#
# usage: layouts.sh PROGRAM [cover|full] SCRATCH [KIND]
#   cover  6 layouts of each configuration, and one chain of stops where it takes several passes
#   full   ranks {1,2,3,4,5,8} x threads {1,2,4}
set -uo pipefail
allsum=$1 mode=$2 scratch=$3 only=${4:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/../system/runs.sh"
fresh_scratch

layouts=('1 1 avx512' '1 2 portable' '2 1 avx2' '3 2 avx512' '5 1 avx2' '8 1 avx512')
if [ "$mode" = full ]; then
    layouts=()
    for ranks in 1 2 3 4 5 8; do
        for threads in 1 2 4; do layouts+=("$ranks $threads avx512"); done
    done
fi

# Stops after every second pass and goes on with another number of ranks.
resumes() {
    local file=$1 ranks code=75
    rm -rf "$scratch/run"
    for ranks in 3 1 2 5 1 2 3 1 2 3 1 2; do
        [ "$code" = 75 ] || break
        code=0
        on "$ranks" 1 train "$file" -o "$scratch/run" -q --max-steps-this-run 2 || code=$?
    done
    if [ "$code" = 75 ]; then
        on 1 2 train "$file" -o "$scratch/run" -q && code=0
    fi
    if [ "$code" != 0 ] || [ "$(fingerprint "$scratch/run" final)" != "$(fingerprint "$scratch/first" final)" ]; then
        complain "$(basename "$file"): stopped and continued: exit code $code, or differs"
    fi
}

# A statistic that is merged is that of all rows: losses of both runs differ by rounding alone, which convergence of
# models of several passes keeps under 1e-9 here (found: 1e-13).
one_lane() {
    rm -rf "$scratch/run"
    on 1 1 train "$1" -o "$scratch/run" -q -s lanes=1 || complain "$(basename "$1") in one lane: exit code $?"
    local key lanes one
    for key in train_loss loss; do
        lanes=$(summary_text "$scratch/first" $key) one=$(summary_text "$scratch/run" $key)
        awk -v a="$lanes" -v b="$one" 'BEGIN { d = a - b; exit !((a == "") == (b == "") && d * d <= 1e-18 * (1 + a * a)) }' ||
            complain "$(basename "$1"): $key is $lanes, but in one lane $one"
    done
}

for file in "$here"/*.yaml; do
    reference='' name=$(basename "$file" .yaml)
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    for layout in "${layouts[@]}"; do
        read -r ranks threads isa <<<"$layout"
        has_isa "$isa" || isa=portable
        rm -rf "$scratch/run"
        ALLSUM_ISA=$isa on "$ranks" "$threads" train "$file" -o "$scratch/run" -q || {
            complain "$name on $layout: exit code $?"
            show_output
            continue
        }
        print=$(fingerprint "$scratch/run")
        if [ -z "$reference" ]; then
            reference=$print
            echo "$name: $reference"
            rm -rf "$scratch/first"
            mv "$scratch/run" "$scratch/first"
        elif [ "$print" != "$reference" ]; then
            complain "$name on $layout differs: $print"
            diff <(without_timing "$scratch/first/metrics.jsonl") <(without_timing "$scratch/run/metrics.jsonl") | head -n 4
        fi
    done
    passes=$(sed -n 's/.*"steps": *\([0-9]*\).*/\1/p' "$scratch/first/summary.json" | head -n 1)
    [ "${passes:-1}" -le 1 ] || resumes "$file"
    one_lane "$file"
done
[ $bad = 0 ] && echo "the same bits on ${#layouts[@]} layouts" && rm -rf "$scratch"
exit $bad
