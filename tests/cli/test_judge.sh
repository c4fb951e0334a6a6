# Intervals, calibration, conformal sets and comparisons of trained models, and what is refused.
. "$(dirname "$0")/expect.sh"

train() { # RUN WORDS...
    local run=$1
    shift
    "$program" train -q -o "../$run" -s lanes=4 "$@" >../out 2>../err || complain "training of $run"
}
train digits -s 'model.layers=[{dense: 10}]' -s data.validation=0.15 -s 'train={batch: 64, epochs: 4}'
train better -s 'model.layers=[{dense: 10}]' -s data.validation=0.15 -s 'train={batch: 64, epochs: 30}'
train other -s 'model.layers=[{dense: 10}]' -s data.validation=0.15 -s seed=2 -s 'train={batch: 64, epochs: 1}'
train whole -s 'model.layers=[{dense: 10}]' -s 'train={batch: 64, epochs: 1}'
train line -s 'data={train: {format: builtin, name: linear, samples: 400}, test: {format: builtin, name: linear, samples: 400}, validation: 0.1}' \
    -s 'model={layers: [{dense: 1}], loss: mse}' -s 'train={batch: 32, epochs: 2}'
cat "$source_dir"/docs/*.md | head -c 9000 >../in/text.txt
train text -s 'data={train: {format: text, file: ../in/text.txt, context: 16}}' -s 'model={layers: [{embedding: {vocabulary: 256, units: 4}}, {dense: {units: 256, over: last}}], loss: cross_entropy}' \
    -s 'train={batch: 32, steps: 3}'

expect 0 '^accuracy +0\.[0-9]+ +0\.[0-9]+ +0\.[0-9]+  Wilson$' eval ../digits
expect 0 '^nll +[0-9.]+ +[0-9.]+ +[0-9.]+  bootstrap$' eval ../digits
expect 0 '^nll +[0-9.]+ +- +-$' eval ../digits --bootstrap 0
expect 0 '"auc": \{"value": 0\.[89][0-9]+, "low": 0\.[89]' eval ../digits --json
expect 0 '^mse .*bootstrap$' eval ../line
expect 0 '"r2": \{"value"' eval ../line --json
expect 0 '^temperature [0-9.]+, from [0-9]+ validation rows' eval ../digits --calibration
expect 0 'no temperature: the run held out no validation rows' eval ../whole --calibration
expect 0 '"reliability": \[\{"above": 0' eval ../digits --calibration --json
expect 0 '^coverage 0\.[89][0-9]+ of 359 rows' eval ../digits --conformal 0.1
expect 0 '^intervals: prediction -\+ [0-9.]+, width' eval ../line --conformal 0.1
expect 0 'no finite sets: that needs at least 999 rows of validation' eval ../digits --conformal 0.001
expect 0 '"finite": false, "quantile": null' eval ../digits --conformal 0.001 --json
expect 0 '^nll .*bootstrap$' eval ../text --bootstrap 20
cat >../in/clusters.yaml <<'YAML'
data: {train: {format: builtin, name: digits}, test: {format: builtin, name: digits}}
model: {type: kmeans, n_clusters: 10}
YAML
train clusters ../in/clusters.yaml
"$program" eval ../clusters | grep -q accuracy && complain 'clusters are no answers'
expect 78 'does not predict the answers' eval ../clusters --bootstrap 10
"$program" eval ../text | grep -q intervals && complain 'rows of many labels are judged unasked'

expect 0 '^B is better by accuracy: 0\.[0-9]+ against 0\.[0-9]+, a difference of 0\.[0-9]+ \(McNemar p = ' eval --compare ../digits ../better
expect 0 '^By accuracy these 359 rows cannot tell A from B' eval --compare ../digits ../digits
expect 0 '"mcnemar": \{"only_a_right": 0, "only_b_right": 0, "p": 1\}' eval --compare ../digits ../digits --json
expect 0 '^A is better by mse|^By mse these' eval --compare ../line ../line

expect 65 'answer different questions: 10 classes' eval --compare ../digits ../line
expect 65 'judged on different rows: row 0 is sample' eval --compare ../digits ../other --on validation
expect 64 'expected two models, found one' eval ../digits --compare
expect 64 'two models need --compare' eval ../digits ../better
expect 64 'stands without' eval --compare ../digits ../better --calibration
expect 78 'train with data.validation > 0' eval ../whole --conformal 0.1
expect 64 'give --on test' eval ../digits --conformal 0.1 --on validation
expect 64 'conformal' eval ../digits --conformal 2
expect 64 'level' eval ../digits --level 1
expect 64 'bootstrap' eval ../digits --bootstrap -3
expect 78 'rows cannot be judged|needs probabilities' eval ../text --calibration
finish
