#!/usr/bin/env bash
# Every instrument beside a planted fault and beside its control: the number must tell the two apart.
#
# usage: planted.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch
cd "$scratch" || exit 1

number() { # KEY [first|last]: the first number of that name in the first (or last) line of instruments
    local place=1
    [ "${2:-first}" = last ] && place='$'
    grep '"kind": *"probe"' run/metrics.jsonl | sed -n "${place}p" | grep -oE "\"$1\": *[-0-9.e+]+" | head -n 1 | sed 's/.*: *//'
}

train() { # SETTINGS...
    rm -rf run
    on 1 1 train "$@" -q -o run
}

check() { # NAME VALUE 'CONDITION on v'
    awk -v v="$2" "BEGIN { exit !(v != \"\" && ($3)) }" || complain "$1: expected $3, found '$2'"
}

digits=("$here/network.yaml" -s data.augment= -s train.steps=2 -s 'probe=1 steps')
layers() { # first layer: OPTIONS
    echo "model.layers=[{dense: {units: 32, $1}}, {dense: {units: 10}}]"
}

train "${digits[@]}" -s "$(layers 'activation: relu')" || complain "relu: $(show_output)"
check 'healthy relu' "$(number dead)" 'v < 0.3'
check 'healthy weights' "$(number duplicate)" 'v == 0'
train "${digits[@]}" -s "$(layers 'activation: relu, init: zeros')" || complain "zeros: $(show_output)"
check 'relu that never fires' "$(number dead)" 'v == 1'
check 'units of zeros' "$(number duplicate)" 'v == 1'
check 'signal of zeros' "$(number signal_sd)" 'v == 0'
train "${digits[@]}" -s "$(layers 'activation: tanh')" || complain "tanh: $(show_output)"
check 'healthy tanh' "$(number saturated)" 'v < 0.3'
train "${digits[@]}" -s "$(layers 'activation: tanh, init: normal, init_scale: 5')" || complain "wide tanh: $(show_output)"
check 'saturated tanh' "$(number saturated)" 'v > 0.5'
train "${digits[@]}" -s "$(layers 'activation: relu, init: ones')" || complain "ones: $(show_output)"
check 'equal units' "$(number duplicate)" 'v == 1'

# 16 sigmoids: the signal that comes back to the first layer is far below that of the last.
deep='model.layers=[{repeat: {times: 12, layers: [{dense: {units: 16, activation: ACT}}]}}, {dense: {units: 10}}]'
for act in sigmoid relu; do
    train "${digits[@]}" -s "${deep/ACT/$act}" || complain "deep $act: $(show_output)"
    ratio=$(grep '"kind": *"probe"' run/metrics.jsonl | head -n 1 | grep -oE '"delta_rms": *[-0-9.e+]+' | sed 's/.*: *//' |
        awk 'NR == 1 { first = $1 } { last = $1 } END { print first / last }')
    if [ $act = sigmoid ]; then check 'vanishing signal' "$ratio" 'v < 1e-3'; else check 'signal of relu' "$ratio" 'v > 1e-3'; fi
done

# Lanes of sorted data, of shuffled data, and of the same rows.
awk 'BEGIN { print "a,b,y"; srand(7); for (i = 0; i < 480; i++) { k = (i >= 240); printf("%.6f,%.6f,%s\n", rand() + k, rand(), k ? "p" : "q") } }' >sorted.csv
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 480; i++) { k = i % 60; printf("%.6f,%.6f,%s\n", sin(k), cos(3 * k), k % 2 ? "p" : "q") } }' >same.csv
table=(-s 'model.layers=[{dense: {units: 8, activation: tanh}}, {dense: {units: 2}}]' -s lanes=8 -s train.batch=full -s 'probe=1 steps' -s train.steps=2 -s data.augment= -s data.validation=0)
lanes() { # FILE ASSIGN
    train "$here/network.yaml" "${table[@]}" -s "data.train={format: csv, file: $1, target: [y]}" -s data.normalize=none -s "data.assign=$2" ||
        complain "$1 $2: $(show_output)"
}
if lanes sorted.csv shuffled; then
    check 'shuffled lanes' "$(number lane_ratio)" 'v > 0.3 && v < 3'
    lanes sorted.csv contiguous && check 'sorted lanes' "$(number lane_ratio)" 'v > 10'
    lanes same.csv contiguous && check 'lanes of the same rows' "$(number lane_ratio)" 'v < 0.05'
fi

# Full batches of a linear regression: timid and violent rates.
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 96; i++) printf "%.6f,%.6f,%.6f\n", sin(i), cos(3 * i), sin(i) - 2 * cos(3 * i) + 0.1 * sin(11 * i) }' >line.csv
line() { # RATE STEPS
    train "$here/network.yaml" -s 'model.layers=[{dense: {units: 1}}]' -s model.loss=mse -s "data.train={format: csv, file: line.csv, target: [y]}" -s data.normalize=none \
        -s data.augment= -s data.validation=0 -s train.batch=full -s train.clip_norm=0 -s "optimizer={type: sgd, lr: $1}" -s schedule=constant -s "train.steps=$2" -s 'probe=1 steps' \
        -s precision=float64 || complain "linear regression at $1: $(show_output)"
}
line 0.001 3
check 'timid step' "$(number step_fraction)" 'v > 0 && v < 0.05'
check 'timid cosine' "$(number cosine)" 'v > 0.99'
check 'calm loss' "$(number spikes last)" 'v == 0'
line 3 12 # three times what is stable
check 'violent step' "$(number step_fraction last)" 'v > 2'
check 'bouncing gradient' "$(number cosine last)" 'v < -0.9'
check 'loss that leaps' "$(number spike_ratio last)" 'v > 3'
check 'full batch has the noise of its samples' "$(number noise_trace)" 'v > 0'
exit $bad
