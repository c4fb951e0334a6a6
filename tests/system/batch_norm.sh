#!/usr/bin/env bash
# usage: batch_norm.sh ALLSUM SCRATCH: batch_norm over the whole batch has the same bits for any ranks and threads, those
# of one lane where there is one, and those of `recompute` and uneven lanes.
set -u
program=$1 scratch=$2
rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
unset OMP_NUM_THREADS
failures=0

config() { # OVER RECOMPUTE
    cat <<YAML
name: norms
data: {train: {format: builtin, name: digits, shape: [8, 8, 1]}, normalize: scale, validation: 0.1}
model:
  layers:
    - conv2d: {name: a, channels: 6, bias: false}
    - batch_norm: {name: n, relu: true, over: $1}
    - repeat: {times: 2, recompute: $2, layers: [{conv2d: {name: c, channels: 6, bias: false}}, {batch_norm: {from: [c, input], relu: true, over: $1}}]}
    - batch_norm: {over: $1}
    - global_pool
    - dense: 10
  loss: cross_entropy
optimizer: {type: adam, lr: 3.0e-3}
train: {batch: 100, steps: 20}
YAML
}
config batch false >batch.yaml
config batch true >again.yaml
config lane false >lane.yaml

digest() { # RUN
    grep -o '"state_sha256": "[0-9a-f]*' "$1/summary.json"
}
train() { # RUN RANKS THREADS CONFIG LANES
    local run=$1 ranks=$2 threads=$3 config=$4 lanes=$5 command=()
    [ "$ranks" -gt 1 ] && command=(timeout 60 mpirun --oversubscribe --bind-to none -np "$ranks")
    "${command[@]}" "$program" train "$config" -q -o "$run" -t "$threads" -s lanes="$lanes" >out 2>&1 || { echo "FAILED: $run: $(tail -1 out)"; failures=$((failures + 1)); }
}
same() { # RUN RUN
    [ "$(digest "$1")" = "$(digest "$2")" ] || { echo "FAILED: $1 and $2 differ"; failures=$((failures + 1)); }
}

train plain 1 1 batch.yaml 7
for layout in '1 3' '2 1' '3 2' '7 1' '1 9'; do
    read -r ranks threads <<<"$layout"
    train "r$ranks-t$threads" "$ranks" "$threads" batch.yaml 7
    same plain "r$ranks-t$threads"
done
train again 2 2 again.yaml 7
grep -o '"params_sha256": "[0-9a-f]*' plain/summary.json >first
grep -o '"params_sha256": "[0-9a-f]*' again/summary.json >second
cmp -s first second || { echo 'FAILED: recompute changes bits'; failures=$((failures + 1)); }
train one 1 2 batch.yaml 1
train lane 1 2 lane.yaml 1
grep -o '"params_sha256": "[0-9a-f]*' one/summary.json >first
grep -o '"params_sha256": "[0-9a-f]*' lane/summary.json >second
cmp -s first second || { echo 'FAILED: one lane is not the batch'; failures=$((failures + 1)); }
train ghost 1 2 lane.yaml 7
grep -o '"params_sha256": "[0-9a-f]*' ghost/summary.json >second
cmp -s first second && { echo 'FAILED: seven lanes are as one'; failures=$((failures + 1)); }

# Of a full batch, whose samples are the same for any lanes, the losses are those of one lane but for the order of sums: a few
# hundred roundings of 1.1e-16 in losses near 2, which 12 steps of Adam do not make a thousand times larger.
for lanes in 1 7; do
    "$program" train batch.yaml -q -o "full-$lanes" -t 2 -s lanes="$lanes" -s precision=float64 -s 'train={batch: full, steps: 12}' -s 'log.every=1 steps' >out 2>&1 ||
        { echo "FAILED: $(tail -1 out)"; failures=$((failures + 1)); }
    sed -nE 's/^\{"kind": "step".*"loss": ([0-9.e+-]+),.*/\1/p' "full-$lanes/metrics.jsonl" >"losses-$lanes"
done
paste losses-1 losses-7 | awk '{ d = $1 - $2; worst = d * d > worst ? d * d : worst } END { exit !(NR == 12 && worst < 1e-24) }' ||
    { echo "FAILED: losses of lanes differ: $(paste losses-1 losses-7 | tail -1)"; failures=$((failures + 1)); }

# Instruments see the same for any ranks and threads, and for one lane what they see of it; the training keeps its bits.
probe() { # RUN RANKS THREADS CONFIG LANES INSTRUMENTS
    local run=$1 ranks=$2 threads=$3 config=$4 lanes=$5 command=()
    [ "$ranks" -gt 1 ] && command=(timeout 60 mpirun --oversubscribe --bind-to none -np "$ranks")
    "${command[@]}" "$program" train "$config" -q -o "$run" -t "$threads" -s lanes="$lanes" -s "probe={every: 5 steps, pulse: off, instruments: [$6]}" >out 2>&1 ||
        { echo "FAILED: $run: $(tail -1 out)"; failures=$((failures + 1)); }
    sed -nE 's/, *"timing": *\{[^{}]*\}//; /"kind": "probe"/p' "$run/metrics.jsonl" >"$run.lines"
    [ "$(wc -l <"$run.lines")" -ge 4 ] || { echo "FAILED: $run: no lines of instruments"; failures=$((failures + 1)); }
}
all='norms, noise, lanes, signal, units, step, cosine, {curvature: {rows: 64, products: 8}}'
probe p-plain 1 1 batch.yaml 7 "$all"
same plain p-plain
for layout in '1 3' '3 2'; do
    read -r ranks threads <<<"$layout"
    probe "p-$ranks-$threads" "$ranks" "$threads" batch.yaml 7 "$all"
    same plain "p-$ranks-$threads"
    cmp -s p-plain.lines "p-$ranks-$threads.lines" || { echo "FAILED: instruments on $layout see something else"; failures=$((failures + 1)); }
done
probe p-one 1 2 batch.yaml 1 'norms, signal, step'
probe p-lane 1 2 lane.yaml 1 'norms, signal, step'
cmp -s p-one.lines p-lane.lines || { echo 'FAILED: instruments see one lane and one batch otherwise'; failures=$((failures + 1)); }
"$program" diagnose plain >out 2>&1 || { echo "FAILED: diagnose: $(tail -1 out)"; failures=$((failures + 1)); }
"$program" probe plain >out 2>&1 || { echo "FAILED: probe: $(tail -1 out)"; failures=$((failures + 1)); }
[ "$failures" -eq 0 ] && echo 'all as expected'
exit "$failures"
