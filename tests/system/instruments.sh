#!/usr/bin/env bash
# Instruments: not a bit of the training changes, their lines are the same bytes for every layout and after resumes, and bad
# sections are refused.
#
# usage: instruments.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

probes() { # RUN: hash of its lines of instruments
    without_timing "$1/metrics.jsonl" | grep '"kind": *"probe"' | hash_of
}

others() { # RUN: hash of all other lines
    without_timing "$1/metrics.jsonl" | grep -v '"kind": *"probe"' | hash_of
}

# measure LAYOUT SETTING WHAT: a run with instruments leaves the training as it is; $found: their lines.
measure() {
    local ranks threads
    read -r ranks threads <<<"$1"
    rm -rf "$scratch/on"
    on "$ranks" "$threads" train "${config[@]}" -s "$2" -o "$scratch/on" || complain "$network with $3 on $1: $(show_output)"
    if [ "$(summary_text "$scratch/on" state_sha256)" != "$(summary_text "$scratch/off" state_sha256)" ] ||
        [ "$(others "$scratch/on")" != "$(others "$scratch/off")" ]; then
        complain "$network on $1: $3 changed the training"
    fi
    found=$(probes "$scratch/on")
}

for network in network images sequences; do
    steps=24
    [ $network = network ] || steps=4
    config=("$here/$network.yaml" -s "train.steps=$steps" -q)
    on 1 1 train "${config[@]}" -s probe=off -o "$scratch/off" || complain "$network without instruments: $(show_output)"
    grep -q '"kind": *"probe"' "$scratch/off/metrics.jsonl" && complain "$network: lines of instruments that are off"
    pulse=''
    for layout in '1 1' '1 3' '2 1' '4 2' '3 1'; do # a step that is felt is a step as any other
        [ $network != network ] && [ "$layout" != '1 1' ] && [ "$layout" != '2 1' ] && [ "$layout" != '3 1' ] && continue
        measure "$layout" 'probe.pulse=2 steps' 'a pulse'
        pulse=${pulse:-$found}
        [ "$found" = "$pulse" ] || complain "$network on $layout: another pulse"
        lines=$(grep -c '"kind": *"probe"' "$scratch/on/metrics.jsonl")
        [ "$lines" = $((steps / 2)) ] || complain "$network: $lines lines of the pulse, expected $((steps / 2))"
    done
    for isa in avx2 portable; do
        has_isa $isa || continue
        rm -rf "$scratch/on"
        ALLSUM_ISA=$isa on 1 2 train "${config[@]}" -s 'probe.pulse=2 steps' -o "$scratch/on"
        [ "$(probes "$scratch/on")" = "$pulse" ] || complain "$network with $isa: another pulse"
    done
    if [ $network = network ]; then
        for setting in train.micro_batch=7 train.micro_batch=40; do
            rm -rf "$scratch/on"
            on 1 2 train "${config[@]}" -s 'probe.pulse=2 steps' -s $setting -o "$scratch/on" || complain "$setting: $(show_output)"
            [ "$(probes "$scratch/on")" = "$pulse" ] || complain "$setting: another pulse"
        done
        rm -rf "$scratch/on"
        for ranks in 2 1 3; do
            on $ranks 1 train "${config[@]}" -s 'probe.pulse=2 steps' -o "$scratch/on" --max-steps-this-run 7
        done
        on 1 1 train "${config[@]}" -s 'probe.pulse=2 steps' -o "$scratch/on"
        [ "$(probes "$scratch/on")" = "$pulse" ] || complain 'after resumes: another pulse'
    fi
    rm -rf "$scratch/on" # by default
    on 1 1 train "${config[@]}" -o "$scratch/on"
    [ "$(grep -c '"kind": *"probe"' "$scratch/on/metrics.jsonl")" -ge 1 ] || complain "$network: no pulse by default"
    reference=''
    for layout in '1 1' '1 3' '2 1' '4 2' '3 1'; do
        [ $network != network ] && [ "$layout" != '1 1' ] && [ "$layout" != '4 2' ] && continue
        measure "$layout" 'probe=3 steps' instruments
        reference=${reference:-$found}
        [ "$found" = "$reference" ] || complain "$network on $layout: other lines of instruments"
    done
    expected=$(((steps + 2) / 3 + (steps % 3 != 1)))
    lines=$(grep -c '"kind": *"probe"' "$scratch/on/metrics.jsonl")
    [ "$lines" = "$expected" ] || complain "$network: $lines lines of instruments, expected $expected"
    grep -q '"noise_scale"' "$scratch/on/metrics.jsonl" || complain "$network: no noise scale"
    if [ $network = network ]; then # micro batches and stops must not show
        rm -rf "$scratch/on"
        on 1 2 train "${config[@]}" -s 'probe=3 steps' -s train.micro_batch=7 -o "$scratch/on" || complain "micro batches: $(show_output)"
        [ "$(probes "$scratch/on")" = "$reference" ] || complain 'micro batches: other lines of instruments'
        rm -rf "$scratch/on"
        for ranks in 2 1 3; do
            on $ranks 1 train "${config[@]}" -s 'probe=3 steps' -o "$scratch/on" --max-steps-this-run 8
        done
        on 1 1 train "${config[@]}" -s 'probe=3 steps' -o "$scratch/on"
        [ "$(probes "$scratch/on")" = "$reference" ] || complain 'after resumes: other lines of instruments'
        rm -rf "$scratch/on" # instruments may be turned on in the middle
        on 1 1 train "${config[@]}" -o "$scratch/on" --max-steps-this-run 10
        on 1 1 train "${config[@]}" -s 'probe=3 steps' -o "$scratch/on" || complain "turned on in the middle: $(show_output)"
        [ "$(summary_text "$scratch/on" state_sha256)" = "$(summary_text "$scratch/off" state_sha256)" ] || complain 'turned on in the middle: another state'
    fi
    rm -rf "$scratch/off" "$scratch/on"
done

# What is felt is what instruments measure: norms to the rounding of the mean gradient, signals and units to the last bit.
rm -rf "$scratch/on" "$scratch/off"
on 1 1 train "$here/network.yaml" -q -s train.steps=24 -s probe.pulse=1 -o "$scratch/on" || complain "pulse: $(show_output)"
on 1 1 train "$here/network.yaml" -q -s train.steps=24 -s 'probe=1 steps' -o "$scratch/off" || complain "instruments: $(show_output)"
numbers() { # RUN KEY: of all layers and steps
    grep '"kind": *"probe"' "$1/metrics.jsonl" | grep -oE "\"$2\": *[0-9.e+-]+" | awk -F: '{ print $2 }'
}
for key in signal_mean signal_sd delta_rms units dead saturated; do
    [ -n "$(numbers "$scratch/on" $key)" ] || complain "no $key is felt"
    [ "$(numbers "$scratch/on" $key)" = "$(numbers "$scratch/off" $key)" ] || complain "$key: felt otherwise than measured"
done
mean() { # RUN KEY: of the totals
    grep '"kind": *"probe"' "$1/metrics.jsonl" | grep -oE "\"total\": *\{[^}]*" | grep -oE "\"$2\": *[0-9.e+-]+" | awk -F: '{ s += $2 } END { print s / NR }'
}
for key in noise_trace noise_gradient; do # two halves are as unbiased as 24 lanes: 24 steps of 4800 dimensions, 2 % here
    [ "$(awk -v a="$(mean "$scratch/on" $key)" -v b="$(mean "$scratch/off" $key)" 'BEGIN { d = a / b - 1; print (d < 0.1 && d > -0.1) }')" = 1 ] ||
        complain "$key: $(mean "$scratch/on" $key) felt, $(mean "$scratch/off" $key) measured"
done
for key in grad_norm weight_norm update_norm update_ratio; do
    paste <(numbers "$scratch/on" $key) <(numbers "$scratch/off" $key) | awk '
        { n++; d = $1 / $2 - 1; if (d > 1e-6 || d < -1e-6) bad = 1 } END { exit !(n == 96 && !bad) }' ||
        complain "$key: felt otherwise than measured"
done

# The gradient that is measured is the step's: dropout, augmentation and mixed pairs included.
for lanes in 1 24; do
    rm -rf "$scratch/on"
    on 1 2 train "$here/network.yaml" -q -s train.steps=2 -s "lanes=$lanes" -s 'data.augment=[{shift: 1}, {mixup: 0.4}, {noise: 0.5}]' \
        -s 'probe={every: 1 steps, instruments: [norms]}' -o "$scratch/on" || complain "mixed pairs: $(show_output)"
    grep -E '"kind": *"(step|probe)"' "$scratch/on/metrics.jsonl" | grep -oE '"grad_norm": *[0-9.e+-]+' | awk -F: '
        { x[NR] = $2 } END { d = x[1] / x[2] - 1; exit !(NR > 2 && d < 1e-12 && d > -1e-12) }' || complain "$lanes lanes: not the gradient of the step"
done

refuse() { # TEXT SETTINGS...
    local text=$1
    shift
    rm -rf "$scratch/bad"
    on 1 1 train "$here/network.yaml" "$@" -o "$scratch/bad" && complain "not refused: $*"
    grep -qF "$text" "$scratch/output" || complain "$*: expected '$text', found: $(show_output)"
}
refuse 'did you mean "noise"' -s 'probe={every: 3 steps, instruments: [noisy]}'
refuse 'noise is there twice' -s 'probe={every: 3 steps, instruments: [noise, noise]}'
refuse 'results may not depend on time' -s 'probe=3 minutes'
refuse 'expected auto, off, or a number of steps' -s probe.pulse=often
refuse 'expected auto, off, or a number of steps' -s probe.pulse=0
refuse 'expected a list' -s 'probe={every: 3 steps, instruments: noise}'
refuse 'window' -s 'probe={every: 3 steps, instruments: [{noise: {window: 0}}]}'

# One lane, one sample, zero gradients: named states.
state() { # TEXT SETTINGS...
    local text=$1
    shift
    rm -rf "$scratch/state"
    on 1 1 train "$here/network.yaml" -q -s 'probe=3 steps' "$@" -s train.steps=3 -o "$scratch/state" || complain "$*: $(show_output)"
    grep -qF "$text" "$scratch/state/metrics.jsonl" || complain "$*: expected the state '$text'"
    grep -qE 'nan|inf' "$scratch/state/metrics.jsonl" && complain "$*: a number that is none"
}
state '1 lane with samples: nothing to compare' -s lanes=1
state 'one lane has all samples' -s lanes=1 -s probe=auto
state 'one lane has all samples' -s train.batch=1 -s lanes=3 -s probe=auto
state 'no lane has two samples' -s train.batch=24
state '1 lane with samples: nothing to compare' -s train.batch=1 -s lanes=3
state 'the gradient is exactly zero' -s 'model.layers=[{dense: {units: 8, init: zeros, bias: false}}, {dense: {units: 10, init: zeros, bias: false}}]' -s probe=auto
state 'the gradient is exactly zero' -s 'model.layers=[{dense: {units: 8, init: zeros, bias: false}}, {dense: {units: 10, init: zeros, bias: false}}]'
exit $bad
