# explain CONFIG: what is counted is exact; what is measured is positive, near to a run, and larger for a larger network.
. "$(dirname "$0")/expect.sh"

number() { # KEY [FILE]: the first number of that name in a JSON text
    grep -oE "\"$1\": *-?[0-9.eE+-]+" "${2:-../out}" | head -n 1 | sed 's/.*: *//'
}
holds() { awk "BEGIN { exit !($1) }" || complain "expected $1"; }

# The plan alone: the numbers of test_explain.sh; two ranks send half the gradient and half the weights, 50826 floats.
expect 0 '^ranks ' explain --no-time
grep -q '^time' ../out && complain "measured in spite of --no-time"
expect 0 '"parameters": 50826' explain --no-time --json
holds "$(number samples_per_step) == 64 && $(number steps) == 690 && $(number lanes) == 4"
holds "$(grep -oE '"sent_bytes": *[0-9.e+]+' ../out | sed -n 2p | sed 's/.*: *//') == 4 * 50826"
cp ../out ../first && expect 0 . explain --no-time --json && cmp -s ../out ../first || complain "two plans differ"

# The forecast: parts add up to the step, rates follow from it.
expect 0 '"layouts"' explain --json --threads 1
holds "$(number seconds_per_step) > 0 && $(number samples_per_second) * $(number seconds_per_step) / 64 - 1 < 1e-9"
holds "($(number data) + $(number forward) + $(number backward) + $(number sum) + $(number update)) / $(number seconds_per_step) - 1 < 1e-9"
small=$(number seconds_per_step)
# About 26 times the operations: 64 x 2560 + 2560 x 1280 weights against 64 x 256 + 256 x 128.
expect 0 '"layouts"' explain --json --threads 1 \
    -s 'model.layers=[{dense: {units: 2560, activation: relu}}, {dense: {units: 1280, activation: relu}}, {dense: 10}]'
holds "$(number seconds_per_step) > 2 * $small"
# A network so slow that no second node pays, and one so fast that its bytes do not count.
expect 0 '"nodes_that_pay": 1[,}]' explain --json --network-latency 1e6 --threads 1
expect 0 'Assumed between nodes: 3 us a message, 25 GB/s' explain --network-latency 3 --network-bandwidth 25 --threads 1
expect 0 '^time ' explain --threads 1
sed -n '/^time/,$p' ../out | awk 'length > 100 { exit 1 }' || complain "lines longer than 100 columns"
# As many nodes as lanes. Each of 1024 sends its part to 1023 others and its slice to as many: half a microsecond each.
expect 0 '"nodes": 1024' explain --json --threads 1 --network-latency 0.001 --network-bandwidth 1e6 -s lanes=1024 -s train.batch=1024
most=$(grep -oE '"sum": *[0-9.e-]+' ../out | tail -n 1 | sed 's/.*: *//')
holds "$most > 2 * 1023 * 0.5e-6 && $most < 4 * 1023 * 0.5e-6"

# Beside a run. Both are measured on a machine that may be busy with something else at either time: four times apart either
# way is far beyond what the model of a step leaves open (its parts are measured at the same sizes), and one try of three
# may be disturbed.
near=false
for try in 1 2 3; do
    rm -rf ../trained
    "$program" train --out ../trained --threads 1 -q -s train.epochs=4 >/dev/null 2>&1 || complain "training failed"
    expect 0 '"outcome"' explain ../trained --json --threads 1
    awk "BEGIN { exit !($(number ratio) > 0.25 && $(number ratio) < 4) }" && near=true && break
done
$near || complain "forecast and run apart: ratio $(number ratio)"
expect 0 '^outcome  the run took .* on 1 rank x 1 thread' explain ../trained --threads 1
cp ../trained/summary.json ../before && expect 0 '^outcome' explain ../trained && cmp -s ../before ../trained/summary.json ||
    complain "explain changed the run"

# The critical batch: the same bits for any threads, and the factors are those of its formula.
expect 0 '"critical_batch": [0-9.]+' explain --noise --noise-steps 8 --json --threads 1 --no-time
cp ../out ../first
expect 0 . explain --noise --noise-steps 8 --json --threads 2 --no-time
cmp -s ../out ../first || complain "noise differs between one and two threads"
holds "$(number critical_batch) > 0 && $(number critical_batch_error) > 0"
holds "($(number steps_factor) - 1) * ($(number samples_factor) - 1) - 1 < 1e-9 && ($(number steps_factor) - 1) * ($(number samples_factor) - 1) - 1 > -1e-9"
expect 0 'critical batch [0-9.]+ \+- ' explain --noise --noise-steps 4 --threads 1
sed -n '/^noise/,$p' ../out | awk 'length > 100 { exit 1 }' || complain "lines longer than 100 columns"
expect 0 'no critical batch' explain --noise --noise-steps 1 --no-time -s lanes=1
[ -z "$(ls -A .)" ] || complain "something was written: $(ls -A .)"

# Statistical models: a lane of gaussian_nb holds a count, 64 means and 64 sums of squares for each of 10 classes.
expect 0 'statistic of a lane: 1290 numbers' explain "$source_dir/tests/statistics/gaussian_nb.yaml" --no-time
expect 0 '"seconds_per_pass": ' explain "$source_dir/tests/statistics/gaussian_nb.yaml" --json
holds "$(number seconds_per_pass) > 0 && $(number statistic_bytes) == 8 * 1290 && $(number rows) == 1438"
for kind in ols gmm kmeans poisson logistic pca hmm; do
    expect 0 '^pass .*statistic of a lane' explain "$source_dir/tests/statistics/$kind.yaml"
done

expect 64 'a statistical model takes all rows' explain "$source_dir/tests/statistics/ols.yaml" --noise
expect 64 "--network-latency: .*'x'" explain --network-latency x
expect 64 "--network-bandwidth: .*'0'" explain --network-bandwidth 0
expect 64 '--noise-steps goes with --noise' explain --noise-steps 3
expect 64 'do not go with --no-time' explain --no-time --network-latency 3
expect 64 '--noise does not go with --sample' explain --noise --sample 1
expect 64 "--json goes with a configuration.*'adam'" explain adam --json
finish
