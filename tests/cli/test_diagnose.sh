#!/usr/bin/env bash
# diagnose: a sound configuration is called healthy in one line; planted faults of data are named; the verdict is the same for every
# layout; a run gets diagnosis.json.
#
# usage: test_diagnose.sh PROGRAM SCRATCH SOURCE_DIR
# shellcheck source=tests/cli/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"

table() { # KIND: rows of x0 .. x4, y by a small generator
    awk -v kind="$1" 'BEGIN {
        s = 12345
        print "a,b,c,d,y"
        for (i = 0; i < 400; i++) {
            for (j = 0; j < 6; j++) { s = (s * 1103515245 + 12345) % 2147483648; u[j] = s / 2147483648 - 0.5 }
            a = u[0]; b = u[1]; c = u[2]; d = u[3]
            y = a + b > 0 ? 1 : 0
            if (kind == "scale") b *= 1e5
            if (kind == "nan" && i == 17) c = "nan"
            if (kind == "leak") d = y + 0.1 * u[4]
            if (kind == "random") y = u[5] > 0 ? 1 : 0
            if (kind == "imbalance") { y = i % 40 == 0 ? 1 : 0 }
            if (kind == "copies" && i % 2) { print last; continue }
            last = a "," b "," c "," d "," y
            print last
        }
    }' >"../in/$1.csv"
}
mkdir ../in/empty
for kind in plain scale nan leak random imbalance copies; do table $kind; done

cat >../in/config.yaml <<'YAML'
data: {train: {format: csv, file: ../in/plain.csv, target: [y], labels: true}, normalize: none}
model: {layers: [{dense: {units: 16, activation: tanh}}, {dense: 2}], loss: cross_entropy}
optimizer: {type: sgd, lr: 0.5}
train: {batch: 32, epochs: 20}
YAML
on() { echo "data.train.file=../in/$1.csv"; }

expect 0 '^\.\./in/config.yaml: healthy: [0-9]+ rules checked, [0-9]+ not judged \(no rows are held out: set [^;]*; only after training \([0-9]+\)\); list: --json$' diagnose ../in/config.yaml
[ "$(wc -l <../out)" -eq 1 ] || complain 'expected one line'
expect 0 '^fault FEATURE_SCALE' diagnose ../in/config.yaml -s "$(on scale)"
expect 0 'first is row|17, column .c.' diagnose ../in/config.yaml -s "$(on nan)"
expect 0 '^fault LEAK_FEATURE' diagnose ../in/config.yaml -s "$(on leak)"
expect 0 '^fault LABELS_UNINFORMATIVE' diagnose ../in/config.yaml -s "$(on random)"
expect 0 '^fault CLASS_IMBALANCE' diagnose ../in/config.yaml -s "$(on imbalance)"
expect 0 '^fault LEAK_DUPLICATES' diagnose ../in/config.yaml -s "$(on copies)" -s data.validation=0.2
"$program" diagnose ../in/config.yaml -s "$(on leak)" --strict >/dev/null 2>&1
[ $? -eq 3 ] || complain 'expected exit code 3 of --strict'
expect 66 'no such run directory or configuration' diagnose ../in/none.yaml
expect 66 'it has no config.yaml' diagnose ../in/empty

"$program" train ../in/config.yaml -q -o ../in/run >/dev/null 2>&1 || complain 'expected a run'
expect 0 'healthy' diagnose ../in/run
grep -Eq '"healthy": ?true, ?"findings": ?\[\]' ../in/run/diagnosis.json || complain 'expected diagnosis.json'
grep -Eq '"during": ?\{"records": ?[1-9]' ../in/run/diagnosis.json || complain 'expected what the pulse of the run said'
# Findings are told also where they cannot be kept, as in the run of somebody else.
mv ../in/run/diagnosis.json ../in/kept.json && mkdir ../in/run/diagnosis.json
expect 0 'healthy' diagnose ../in/run
grep -q '^warning: .*diagnosis.json: expected a file or a new name, found a directory$' ../err || complain 'expected a warning'
rmdir ../in/run/diagnosis.json && mv ../in/kept.json ../in/run/diagnosis.json

# A run that a rate held up is not told that there is no more to learn.
"$program" train ../in/config.yaml -q -o ../in/slow -s optimizer.lr=1e-6 >/dev/null 2>&1 || complain 'expected a slow run'
expect 0 '^fault LR_TOO_LOW' diagnose ../in/slow
! grep -q CONVERGED_NOISE_FLOOR ../out || complain 'a noise floor beside a rate that is too low'

# What is missing of the log is said; a trial at the end of a schedule has rates that mean something; rules are told.
head -c 700 ../in/run/metrics.jsonl >../in/cut && cp ../in/cut ../in/run/metrics.jsonl
expect 0 'note: metrics.jsonl: 1 of [0-9]+ lines break off' diagnose ../in/run
rm ../in/run/metrics.jsonl
expect 0 'note: metrics.jsonl is missing or empty' diagnose ../in/run
"$program" train ../in/config.yaml -q -o ../in/cold -s optimizer.lr=1e-5 -s schedule=cosine >/dev/null 2>&1 || complain 'expected a cold run'
expect 0 'changed +40 steps: loss 0\.[67][0-9]* -> 0\.[0-5]' diagnose ../in/cold --try
expect 0 'LR_TOO_HIGH ' list rules
expect 0 '^  action ' explain lr_too_high
expect 64 "did you mean 'LR_TOO_HIGH'" explain LR_TO_HIGH
cat >../in/flat.yaml <<'YAML'
data: {train: {format: builtin, name: digits}, normalize: mean_std}
model: {layers: [{dense: {units: 32, activation: tanh, init: normal, init_scale: 3}}, {dense: {units: 32, activation: tanh, init: normal, init_scale: 3}}, {dense: 10}]}
optimizer: {type: sgd, lr: 0.05}
train: {batch: 64, epochs: 3}
YAML
expect 0 '^fault SATURATED' diagnose ../in/flat.yaml --try
grep -q 'do: --set model.layers.0.dense.init=auto' ../out || complain 'expected an action for SATURATED'
awk '/as it is/ { a = $NF } /changed/ { b = $NF } END { exit !(b < a) }' ../out || complain 'the action for SATURATED does not help'
expect 0 '^fault VANISHING_GRAD' diagnose ../in/flat.yaml --try \
    -s 'model.layers=[{repeat: {times: 7, layers: [dense: {units: 32, activation: sigmoid}]}}, {dense: 10}]' -s optimizer.lr=1
grep -q 'do: --set model.layers.0.repeat.layers.0.dense.activation=relu --set optimizer.lr=0.05' ../out || complain 'expected an action for VANISHING_GRAD'
awk '/as it is/ { a = $NF } /changed/ { b = $NF } END { exit !(b < 0.8 * a) }' ../out || complain 'the action for VANISHING_GRAD does not help'

sed -n 's/^AS_RULE(\(.*\))$/\1/p' "$source_dir/src/probe/rule.def" | tr '[:lower:]' '[:upper:]' >../codes
[ "$(wc -l <../codes)" -ge 30 ] || complain 'expected 30 rules'
while read -r code; do
    grep -q "^| \`$code\` |" "$source_dir/docs/diagnosis.md" || complain "docs/diagnosis.md lacks $code"
done <../codes
finish
