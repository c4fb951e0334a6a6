# explain --sample: one sample through the network, its numbers consistent with each other, and readable at 80 columns.
. "$(dirname "$0")/expect.sh"

numbers() { # KEY: every number of that name in the JSON of the last walk
    grep -oE "\"$1\": *-?[0-9.eE+-]+" ../out | sed 's/.*: *//'
}

# close LIMIT: the pairs of numbers on standard input are within LIMIT of each other, relative to the larger (at least 1e-3: a
# central difference of a loss near 1 with h = 6e-6 has an error of about 1e-16 / 6e-6 = 2e-11)
close() {
    awk -v limit="$1" '{ d = $1 - $2; d = d < 0 ? -d : d; s = ($1 < 0 ? -$1 : $1); s = s > 1e-3 ? s : 1e-3
        if (!(d <= limit * s)) { print "apart:", $0; bad = 1 } n++ } END { exit bad || n == 0 }'
}

for optimizer in 'sgd, lr: 0.1' 'sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01' 'adam, lr: 0.01, weight_decay: 0.01' \
    'adamw, lr: 0.01, weight_decay: 0.1' 'rmsprop, lr: 0.01'; do
    for step in 0 3; do
        expect 0 '"by_hand"' explain --sample 5 --step $step --json -s "optimizer={type: $optimizer}" -s train.clip_norm=0.5
        paste <(numbers gradient | head -n -1) <(numbers difference) | close 1e-6 || complain "chain rule against differences"
        paste <(numbers after) <(numbers by_hand) | close 1e-12 || complain "update by hand, $optimizer, step $step"
    done
done
# The sum over lanes is what the step divides by the weight of the batch.
expect 0 '"lane_sum"' explain --sample 0 --json -s optimizer=sgd
paste <(awk -v s="$(numbers lane_sum)" -v w="$(numbers batch_weight)" 'BEGIN { printf "%.17g\n", s / w }') \
    <(numbers gradient | tail -n 1) | close 1e-12 || complain "sum over lanes"

expect 0 'x_[0-9]+ delta_' explain "$source_dir/tests/system/sequences.yaml" --sample 5 --step 1
expect 0 '^Sample 3 .lane [0-9]+. at step 2' explain --sample 3 --step 2
grep -qE 'a = label_smoothing$|^ +label_smoothing$' ../out || complain "the formula of the loss is cut"
awk 'length > 80 { exit 1 }' ../out || complain "lines longer than 80 columns"

expect 64 '--sample 99999: not among the 1438 training samples' explain --sample 99999
expect 64 "--sample: expected a whole number from 0 to .*found 'x'" explain --sample x
expect 64 '--step goes with --sample' explain --step 1
expect 64 'this model is of type gaussian_nb' explain "$source_dir/tests/statistics/gaussian_nb.yaml" --sample 1
finish
